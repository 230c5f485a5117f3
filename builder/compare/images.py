"""Two images compared byte by byte; every difference is named by partition, structure and path."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from builder.compare.anatomy import Anatomy, Atlas, Window
from builder.compare.files import FileChange, changed_files
from builder.compare.opened import OpenImage, Places, on_device, open_image, places_of
from builder.compare.ranges import data_bytes, differing
from builder.compare.table import BACKUP_SECTORS, head_regions, tail_regions
from builder.disk.extents import Extent
from builder.disk.read import Table, TablePartition
from builder.errors import ArtifactError
from builder.progress import Reporter
from builder.units import SECTOR, format_size


@dataclass(frozen=True, slots=True, kw_only=True)
class StructureChange:
    """Bytes of one structure that differ; `path` is the file whose structure it is."""

    structure: str
    path: str | None
    position: int
    """The first byte that differs, from the beginning of the partition (or of the disk, outside of partitions)."""
    offset: int
    """The same, from the beginning of the structure."""
    bytes: int
    """Size of the ranges that differ, in which up to three equal bytes can lie between others."""

    def sentence(self, path: str | None) -> str:
        """Where it is; `path` as the reader knows it."""
        of = f" of {path}" if path else ""
        more = f" and more, {format_size(self.bytes)} in all" if self.bytes > 1 else ""
        return f"{self.structure}{of}, byte {self.offset:#x}{more}"


@dataclass(frozen=True, slots=True, kw_only=True)
class PartitionChange:
    """A partition that differs, or is in one image only."""

    name: str
    filesystem: str | None
    notes: tuple[str, ...] = ()
    """What differs in the partition as such, and what could not be read."""
    files: tuple[FileChange, ...] = ()
    structures: tuple[StructureChange, ...] = ()

    @property
    def title(self) -> str:
        """Its name and file system."""
        return f"partition {self.name} ({self.filesystem})" if self.filesystem else f"partition {self.name}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Differences:
    """Everything that differs between two images, in the order of the disk."""

    sizes: tuple[int, int]
    notes: tuple[str, ...] = ()
    table: tuple[StructureChange, ...] = ()
    """Outside of all partitions."""
    partitions: tuple[PartitionChange, ...] = ()
    places: Places

    @property
    def equal(self) -> bool:
        """Whether the images are the same bytes."""
        return not (self.notes or self.table or self.partitions)

    def shown(self, partition: str, path: str) -> str:
        """A path as the device shows it."""
        return on_device(self.places, partition, path)

    def place(self, partition: str, change: StructureChange) -> str | None:
        """The file of a structure as the device shows it, if the structure belongs to one."""
        return None if change.path is None else self.shown(partition, change.path)

    def sentences(self, *, limit: int | None = None) -> Iterator[str]:
        """One sentence for each difference, at most `limit` of each kind in each partition; none for equal images."""
        yield from self.notes
        for change in self.table:
            yield change.sentence(None)
        for part in self.partitions:
            yield from (f"{part.title}: {note}" for note in part.notes)
            yield from _cut(
                (f"{part.title}: {change.sentence(self.shown(part.name, change.path))}" for change in part.files),
                count=len(part.files),
                limit=limit,
                rest=f"{part.title}: %d more paths differ",
            )
            yield from _cut(
                (f"{part.title}: {change.sentence(self.place(part.name, change))}" for change in part.structures),
                count=len(part.structures),
                limit=limit,
                rest=f"{part.title}: %d more structures differ",
            )

    def as_dict(self) -> dict[str, object]:
        """For scripts."""
        return {
            "equal": self.equal,
            "sizes": list(self.sizes),
            "notes": list(self.notes),
            "table": [_structure_dict(change, None) for change in self.table],
            "partitions": [
                {
                    "name": part.name,
                    "filesystem": part.filesystem,
                    "notes": list(part.notes),
                    "files": [
                        {
                            "path": self.shown(part.name, change.path),
                            "change": change.change,
                            "aspects": list(change.aspects),
                        }
                        for change in part.files
                    ],
                    "structures": [
                        _structure_dict(change, self.place(part.name, change)) for change in part.structures
                    ],
                }
                for part in self.partitions
            ],
        }


def _structure_dict(change: StructureChange, path: str | None) -> dict[str, object]:
    return {
        "structure": change.structure,
        "path": path,
        "position": change.position,
        "offset": change.offset,
        "bytes": change.bytes,
    }


def _cut(sentences: Iterator[str], *, count: int, limit: int | None, rest: str) -> Iterator[str]:
    for number, sentence in enumerate(sentences):
        if limit is not None and number >= limit:
            yield rest % (count - limit)
            return
        yield sentence


def compare_images(before: Path, after: Path, *, reporter: Reporter) -> Differences:
    """Every difference between two image files; neither the namespace nor a tools tree is needed.

    All data of both images is read once; memory grows with the number of files and of differences, not with the size.

    Raises:
        ArtifactError: one of them cannot be read, or neither has a partition table.
    """
    with open_image(before) as mine, open_image(after) as theirs:
        return compare_open(mine, theirs, reporter=reporter)


def compare_open(before: OpenImage, after: OpenImage, *, reporter: Reporter) -> Differences:
    """As `compare_images`, for images that are open already."""
    notes: list[str] = []
    old, new = _tables(before, after, notes)
    if before.size_bytes != after.size_bytes:
        notes.append(f"size of the image: {before.size_bytes:,} bytes -> {after.size_bytes:,} bytes")
    if old.kind != new.kind:
        notes.append(f"partition table: {old.kind} -> {new.kind}")
        if before.size_bytes == after.size_bytes:
            # One wrong byte hides a whole GPT; what it says of the first image still holds for the second.
            new = old
    partitions = tuple(_partitions(before, old, after, new, reporter))
    places = {**places_of(before.manifest(old)), **places_of(after.manifest(new))}
    outside = tuple(_outside(before, old, after, new))
    return Differences(
        sizes=(before.size_bytes, after.size_bytes),
        notes=tuple(notes),
        table=outside,
        partitions=partitions,
        places=places,
    )


def _tables(before: OpenImage, after: OpenImage, notes: list[str]) -> tuple[Table, Table]:
    """Both tables; where one cannot be read, the other says where things lie."""
    found: list[Table | None] = []
    errors: list[ArtifactError] = []
    for image in (before, after):
        try:
            found.append(image.table())
        except ArtifactError as error:
            found.append(None)
            errors.append(error)
            notes.append(error.message)
    mine, theirs = found[0] or found[1], found[1] or found[0]
    if mine is None or theirs is None:
        raise errors[0]
    return mine, theirs


def _outside(before: OpenImage, old: Table, after: OpenImage, new: Table) -> Iterator[StructureChange]:
    first = min(_first_byte(old), _first_byte(new))
    atlas = Atlas(fine=head_regions(old), coarse=())
    yield from _structures(before.window(0, first), after.window(0, first), (atlas,))
    for number, partition in enumerate(old.partitions):
        twin = _named(new, partition.name, partition.number)
        gap, other = _gap(old, number), 0 if twin is None else _gap(new, new.partitions.index(twin))
        if twin is None or not min(gap, other):
            continue
        mine = before.window(partition.start_bytes + partition.size_bytes, gap)
        theirs = after.window(twin.start_bytes + twin.size_bytes, other)
        for change in _structures(mine, theirs, ()):
            position = partition.start_bytes + partition.size_bytes + change.position
            yield replace(change, structure=f"gap after partition {partition.name}", position=position)
    if old.kind == new.kind == "gpt":
        length = BACKUP_SECTORS * SECTOR
        tails = [image.window(image.size_bytes - length, length) for image in (before, after)]
        for change in _structures(tails[0], tails[1], (Atlas(fine=tail_regions(old), coarse=()),)):
            yield replace(change, position=before.size_bytes - length + change.position)


def _first_byte(table: Table) -> int:
    return table.partitions[0].start_bytes if table.partitions else SECTOR


def _gap(table: Table, number: int) -> int:
    """Bytes between a partition and what comes after it."""
    partition = table.partitions[number]
    end = partition.start_bytes + partition.size_bytes
    if number + 1 < len(table.partitions):
        return table.partitions[number + 1].start_bytes - end
    reserved = BACKUP_SECTORS * SECTOR if table.kind == "gpt" else 0
    return max(0, table.size_bytes - reserved - end)


def _named(table: Table, name: str, number: int) -> TablePartition | None:
    """The partition of that name; by its number where the table has no names."""
    return next((each for each in table.partitions if (each.name or each.number) == (name or number)), None)


def _partitions(
    before: OpenImage, old: Table, after: OpenImage, new: Table, reporter: Reporter
) -> Iterator[PartitionChange]:
    for partition in old.partitions:
        name = partition.name or str(partition.number)
        twin = _named(new, partition.name, partition.number)
        if twin is None:
            yield PartitionChange(
                name=name, filesystem=before.filesystem(partition), notes=("is only in the first image",)
            )
            continue
        change = _partition(before, partition, after, twin, reporter)
        if change.notes or change.files or change.structures:
            yield change
    for partition in new.partitions:
        if _named(old, partition.name, partition.number) is None:
            name = partition.name or str(partition.number)
            yield PartitionChange(
                name=name, filesystem=after.filesystem(partition), notes=("is only in the second image",)
            )


def _partition(
    before: OpenImage, mine: TablePartition, after: OpenImage, theirs: TablePartition, reporter: Reporter
) -> PartitionChange:
    name = mine.name or str(mine.number)
    notes = list(_moves(mine, theirs))
    ours, others = before.partition(mine), after.partition(theirs)
    with (
        reporter.step(f"compare partition {name}"),
        reporter.amount(name, data_bytes(ours, others)) as advance,
    ):
        ranges = differing(ours, others, advance=advance)
    kind, other_kind = before.filesystem(mine), after.filesystem(theirs)
    if kind != other_kind:
        notes.append(f"file system: {kind or 'none'} -> {other_kind or 'none'}")
    if not ranges:
        return PartitionChange(name=name, filesystem=kind, notes=tuple(notes))
    anatomies: list[Anatomy | None] = []
    for image, partition, which in ((before, mine, "first"), (after, theirs, "second")):
        try:
            anatomies.append(image.anatomy(partition, kind=kind or other_kind or "raw"))
        except ArtifactError as error:
            anatomies.append(None)
            if kind or other_kind:
                notes.append(f"its files cannot be read in the {which} image: {error.message}")
    first, second = anatomies
    files = () if first is None or second is None else tuple(changed_files(first, second, ranges))
    atlases = [anatomy.atlas for anatomy in anatomies if anatomy is not None]
    return PartitionChange(
        name=name,
        filesystem=kind or other_kind,
        notes=tuple(notes),
        files=files,
        structures=tuple(_attributed(ranges, atlases)),
    )


def _moves(mine: TablePartition, theirs: TablePartition) -> Iterator[str]:
    if mine.number != theirs.number:
        yield f"number {mine.number} -> {theirs.number}"
    if mine.start_bytes != theirs.start_bytes:
        yield f"begins at byte {mine.start_bytes:,} -> {theirs.start_bytes:,}"
    if mine.size_bytes != theirs.size_bytes:
        yield f"size {format_size(mine.size_bytes)} -> {format_size(theirs.size_bytes)}"
    if mine.flags != theirs.flags:
        yield f"flags {', '.join(mine.flags) or 'none'} -> {', '.join(theirs.flags) or 'none'}"


def _structures(mine: Window, theirs: Window, atlases: Sequence[Atlas]) -> Iterator[StructureChange]:
    return _attributed(differing(mine, theirs, advance=lambda _count: None), atlases)


def _attributed(ranges: Iterable[Extent], atlases: Sequence[Atlas]) -> Iterator[StructureChange]:
    """The structures that the ranges belong to, one change for each, in the order of their first byte.

    The first image says what a byte belongs to; where its file system cannot be read, the second does.
    """
    atlas = atlases[0] if atlases else Atlas(fine=(), coarse=())
    found: dict[tuple[str, str | None], StructureChange] = {}
    for extent in ranges:
        for region, start, end in atlas.split(extent.start, extent.end):
            key = (region.structure, region.path)
            if key in found:
                found[key] = replace(found[key], bytes=found[key].bytes + end - start)
            else:
                found[key] = StructureChange(
                    structure=region.structure if atlases else "content",
                    path=region.path,
                    position=start,
                    offset=start - region.start,
                    bytes=end - start,
                )
    yield from found.values()
