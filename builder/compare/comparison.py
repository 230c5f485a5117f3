"""What `satchel diff` says: everything that differs between two images, grouped for people and for scripts."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from builder.compare.described import Change, described_changes
from builder.compare.files import FileChange
from builder.compare.images import Differences, PartitionChange, compare_open
from builder.compare.opened import OpenImage, open_image, places_of
from builder.compare.owners import LISTS, Owners, owners_of, package_paths
from builder.compare.units import unit_changes
from builder.disk.read import Table
from builder.errors import ArtifactError
from builder.manifest import Manifest
from builder.progress import Reporter
from builder.units import format_size

_NOBODY: Final = "made by the build or by a package's scripts"
_ORDER: Final = ("recipe", "packages", "units", "content", "files", "partitions", "checks", "bytes")


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnedChange:
    """A file that differs, its path on the device, its partition, and who brought it, if anybody knows."""

    path: str
    partition: str
    owner: str | None
    change: FileChange


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """Everything that differs between two images."""

    images: tuple[Path, Path]
    notes: tuple[str, ...]
    described: Mapping[str, tuple[Change, ...]]
    """What the images say of themselves, by group; empty when one of them says nothing."""
    units: tuple[Change, ...]
    files: tuple[OwnedChange, ...]
    differences: Differences

    @property
    def equal(self) -> bool:
        """Whether the images are the same bytes."""
        return self.differences.equal

    def as_dict(self) -> dict[str, object]:
        """For scripts."""
        return {
            "equal": self.equal,
            "images": [str(image) for image in self.images],
            "notes": list(self.notes),
            **{group: [change.as_dict() for change in changes] for group, changes in self.described.items()},
            "units": [change.as_dict() for change in self.units],
            "files": [
                {
                    "path": owned.path,
                    "partition": owned.partition,
                    "owner": owned.owner,
                    "change": owned.change.change,
                    "aspects": list(owned.change.aspects),
                }
                for owned in self.files
            ],
            "bytes": self.differences.as_dict(),
        }


def compare(before: Path, after: Path, *, overlays: Path, reporter: Reporter) -> Comparison:
    """Compare two image files; neither the namespace nor a tools tree is needed.

    Args:
        before: The first image.
        after: The second one.
        overlays: The directory with the overlays of recipes, to tell which of them a file came from.
        reporter: Told a step for each partition.

    Raises:
        ArtifactError: one of them cannot be read.
    """
    with open_image(before) as mine, open_image(after) as theirs:
        differences = compare_open(mine, theirs, reporter=reporter)
        if differences.equal:
            return Comparison(
                images=(before, after), notes=(), described={}, units=(), files=(), differences=differences
            )
        manifests = [_manifest(image) for image in (mine, theirs)]
        notes = tuple(
            f"{image.path} carries no manifest that this Satchel can read; its partitions and files are compared"
            for image, manifest in zip((mine, theirs), manifests, strict=True)
            if manifest is None
        )
        old, new = manifests
        owners = [_owners(image, manifest, overlays) for image, manifest in ((theirs, new), (mine, old))]
        files = tuple(_owned(differences, [each for each in owners if each is not None]))
        return Comparison(
            images=(before, after),
            notes=notes,
            described=described_changes(old, new) if old is not None and new is not None else {},
            units=tuple(unit_changes((owned.path, owned.change) for owned in files)),
            files=files,
            differences=differences,
        )


def _table(image: OpenImage) -> Table | None:
    try:
        return image.table()
    except ArtifactError:
        # The comparison has said so already.
        return None


def _manifest(image: OpenImage) -> Manifest | None:
    table = _table(image)
    return None if table is None else image.manifest(table)


def _owners(image: OpenImage, manifest: Manifest | None, overlays: Path) -> Owners | None:
    table = _table(image)
    if manifest is None or table is None:
        return None
    for name, places in places_of(manifest).items():
        partition = next((each for each in table.partitions if each.name == name), None)
        for inner, mount in places:
            if mount == "/" and partition is not None:
                try:
                    anatomy = image.anatomy(partition, kind=image.filesystem(partition) or "raw")
                    lists = f"{inner}/{LISTS}/".lstrip("/")
                    names = [path.removeprefix(lists) for path in anatomy.files if path.startswith(lists)]
                    packages = package_paths(names, lambda name: anatomy.read(lists + name))  # noqa: B023
                except ArtifactError:
                    return None
                return owners_of(manifest.recipe, packages=packages, overlays=overlays)
    return None


def _owned(differences: Differences, owners: list[Owners]) -> Iterator[OwnedChange]:
    for part in differences.partitions:
        for change in part.files:
            path = differences.shown(part.name, change.path)
            owner = next((found for each in owners if (found := each.of(path)) is not None), None)
            yield OwnedChange(path=path, partition=part.name, owner=owner, change=change)


def render(comparison: Comparison, *, limit: int | None) -> str:
    """The comparison for people; at most `limit` lines in a group, or all of them."""
    before, after = comparison.images
    if comparison.equal:
        return f"{before} and {after} are the same, byte for byte"
    sizes = [format_size(size) for size in comparison.differences.sizes]
    lines = [f"{before} ({sizes[0]}) -> {after} ({sizes[1]})", *comparison.notes]
    groups: dict[str, list[str]] = {
        **{
            group: _limited((change.sentence() for change in changes), limit)
            for group, changes in comparison.described.items()
        },
        "units": _limited((change.sentence() for change in comparison.units), limit),
        "files": list(_files(comparison.files, limit)),
        "bytes": list(_bytes(comparison.differences)),
    }
    for group in _ORDER:
        if groups.get(group):
            lines += ["", group, *(f"  {line}" for line in groups[group])]
    return "\n".join(lines)


def _limited(sentences: Iterable[str], limit: int | None) -> list[str]:
    found = list(sentences)
    if limit is None or len(found) <= limit:
        return found
    return [*found[:limit], f"and {len(found) - limit:,} more (--all shows them)"]


def _files(files: Iterable[OwnedChange], limit: int | None) -> Iterator[str]:
    by_owner: dict[str, list[OwnedChange]] = {}
    passing = 0
    for owned in files:
        if owned.change.only_times and limit is not None:
            passing += 1
            continue
        by_owner.setdefault(owned.owner or f"partition {owned.partition}, {_NOBODY}", []).append(owned)
    for owner, changes in sorted(by_owner.items()):
        yield f"{owner} ({len(changes):,})"
        yield from (f"  {line}" for line in _limited((each.change.sentence(each.path) for each in changes), limit))
    if passing:
        paths = "1 path differs" if passing == 1 else f"{passing:,} paths differ"
        yield f"{paths} only in times or inode numbers (--all shows them)"


def _bytes(differences: Differences) -> Iterator[str]:
    yield from differences.notes
    yield from (change.sentence(None) for change in differences.table)
    for part in differences.partitions:
        yield f"{part.title}: {'; '.join((*part.notes, *_structures(part)))}"


def _structures(part: PartitionChange) -> Iterator[str]:
    """Structures by their names, without the files that they belong to."""
    sizes: dict[str, int] = {}
    for change in part.structures:
        sizes[change.structure] = sizes.get(change.structure, 0) + change.bytes
    yield from (f"{structure} {format_size(size)}" for structure, size in sizes.items())
