"""From the finished tree to the disk image: sizes, layout, a file system for each partition, boot loaders, one
image.

A partition that holds only what is below its own mount point is kept under its key: it depends on the layers that
touched that directory and not on the whole tree, so an edit elsewhere does not make it again. The root file system
changes with every edit; it is not kept, and becomes the body of the disk image without being copied.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from builder.content.pool.pool import DATE_S
from builder.content.proof import content_of, prove_content
from builder.disk import btrfs, ext4, vfat
from builder.disk.assemble import Piece, Pieces, assemble
from builder.disk.extents import Extent
from builder.disk.grub import boot_code_for, make_bios_boot
from builder.disk.source import Source
from builder.disk.split import Part, split
from builder.errors import BuildFailed
from builder.growth import Growth
from builder.host.places import code_below
from builder.host.pool import Pool
from builder.host.store import Store
from builder.host.tools import Tools
from builder.layers.containers import nested_subvolumes
from builder.layers.system import hidden_below
from builder.lock.trees import locked_listing
from builder.own_code import OF_PARTITIONS
from builder.plan.keys import key_of, seed_of
from builder.plan.layout import Layout, PlacedPartition, plan_layout
from builder.progress import Reporter
from builder.recipe.disk import DataClass, FileSystem, Partition
from builder.recipe.model import Recipe
from builder.starting import boot_files
from builder.together import Job


@dataclass(frozen=True, slots=True, kw_only=True)
class Imaging:
    """One tree on its way to an image. Everything happens inside the namespace."""

    recipe: Recipe
    growth: Growth
    tree: Path
    tools: Tools
    scratch: Path
    """Room on the file system that will hold the image."""
    epoch: int
    """Seconds since 1970: no file in the image is younger."""
    reporter: Reporter
    reserved: Mapping[str, bytes]
    """Files that lie at the very beginning of the EFI system partition, side by side, to be written over later."""

    def layout(self) -> Layout:
        """Where everything will lie: partitions that fit their content are measured first.

        Raises:
            PlanError: something does not fit.
        """
        needed = {
            partition.name: ext4.needed_bytes(self._source(partition.mount), read_only="ro" in partition.options)
            for partition in self.recipe.disk.partitions
            if partition.filesystem is FileSystem.EXT4 and partition.mount
        }
        return plan_layout(self.recipe.disk, needed=needed, seed=seed_of(self.recipe.name))

    def reserved_at(self, layout: Layout) -> int:
        """Where on the disk the first of the reserved files lies; the recipe has some."""
        esp = _esp(layout)
        return esp.start_bytes + vfat.first_file_at(self.tools, esp, scratch=self.scratch)

    def jobs(self, layout: Layout, *, on_esp: Mapping[str, bytes]) -> dict[str, Job[Piece]]:
        """What makes the content of each partition, by its name; independent of one another, the largest first.

        Args:
            layout: Where everything lies.
            on_esp: Further files for the EFI system partition, by path.
        """
        jobs = {
            described.name: self._job(described, placed, layout, on_esp)
            for described, placed in zip(self.recipe.disk.partitions, layout.partitions, strict=True)
        }
        by_size = sorted(layout.partitions, key=lambda partition: partition.size_bytes, reverse=True)
        return {placed.name: jobs[placed.name] for placed in by_size}

    def pieces(self, layout: Layout, made: Mapping[str, Piece]) -> Pieces:
        """All that goes onto the disk, once the jobs are done."""
        bios = next((placed for placed in layout.partitions if placed.type == "bios-boot"), None)
        return Pieces(of=made, boot_code=boot_code_for(self.tools, bios) if bios else b"")

    def whole(self, layout: Layout, pieces: Pieces, image: Path) -> tuple[Extent, ...]:
        """Put the disk together in one file; returns the mapped extents."""
        with self.reporter.step("disk image"):
            return assemble(self.tools, layout, pieces, image=image, reporter=self.reporter)

    def split(self, layout: Layout, pieces: Pieces, image: Path) -> tuple[Part, ...]:
        """Leave the disk in parts beside a descriptor; returns the parts."""
        with self.reporter.step("disk image", detail="in parts"):
            return split(self.tools, layout, pieces, image=image)

    def clean(self) -> None:
        """Remove the pieces that did not become the image or a part of it."""
        for piece in self.scratch.glob("*.piece"):
            piece.unlink()
        if (self.scratch / "empty").exists():
            (self.scratch / "empty").rmdir()

    def _job(
        self, described: Partition, placed: PlacedPartition, layout: Layout, on_esp: Mapping[str, bytes]
    ) -> Job[Piece]:
        mounts = (described.mount, *(subvolume.mount for subvolume in described.subvolumes))
        out = self._out(placed)
        if placed.type == "bios-boot":
            return self._made(placed, "GRUB", lambda: make_bios_boot(self.tools, placed, esp=_esp(layout), out=out))
        if placed.type == "esp":
            return self._made(placed, str(placed.filesystem), lambda: self._make_esp(placed, layout, on_esp, out))
        if "/" in mounts:
            return self._made(placed, str(placed.filesystem), lambda: self._make(described, placed, out))
        parts = self._parts(described, placed)
        return lambda: self._kept(described, placed, parts)

    def _made(self, placed: PlacedPartition, detail: str, make: Callable[[], None]) -> Job[Piece]:
        def job() -> Piece:
            with self.reporter.step(f"partition {placed.name}", detail=detail):
                make()
            return Piece(path=self._out(placed))

        return job

    def _kept(self, described: Partition, placed: PlacedPartition, parts: Mapping[str, str]) -> Piece:
        # Split images have their parts from here, as further names of the same files.
        store, name = Store("partitions", user=self.recipe.name), f"{self.recipe.name} {placed.name}"
        entry = store.obtain(
            key_of(parts),
            name=name,
            parts=parts,
            build=lambda directory: self._make_to_keep(described, placed, directory / "image"),
            reporter=self.reporter,
            title=f"partition {placed.name}",
            detail=f"{placed.filesystem}: {store.why(name, parts)}",
            linked=True,
        )
        return Piece(path=entry.path / "image", key=entry.key)

    def _make_to_keep(self, described: Partition, placed: PlacedPartition, out: Path) -> None:
        self._make(described, placed, out)
        if described.data is DataClass.CONTENT and placed.filesystem is FileSystem.EXT4:
            self._prove(described, out)
        os.truncate(out, placed.size_bytes)
        out.chmod(0o444)

    def _parts(self, described: Partition, placed: PlacedPartition) -> dict[str, str]:
        """Everything that can change a partition that is kept."""
        mounts = [described.mount, *(subvolume.mount for subvolume in described.subvolumes)]
        return {
            "partition": described.model_dump_json(exclude={"data", "grow"}),
            "size": str(placed.size_bytes),
            "uuid": str(placed.filesystem_uuid),
            "date": str(self._date_of(described)),
            "tools": self.tools.identity,
            "code": code_below(*OF_PARTITIONS),
            **{part: value for mount in mounts if mount for part, value in _touching(self.growth, mount).items()},
        }

    def _prove(self, described: Partition, out: Path) -> None:
        """Read what was written: by far most of an image's bytes, and all that it must be is known."""
        assert described.mount is not None
        tree = self._source(described.mount).path
        expected = {**content_of(tree), **dict(self._files_below(described.mount))}
        total = sum((tree / path).stat().st_size for path in expected)
        with self.reporter.amount("compare content", total) as advance:
            prove_content(out, expected, advance=advance)

    def _files_below(self, mount: str) -> Iterator[tuple[str, str]]:
        """The MD5 of each file of trees below a mount point, by its path there."""
        for tree in self.growth.lock.trees:
            files = self.recipe.content[tree.source].files
            assert files is not None
            if PurePosixPath(files.to).is_relative_to(mount):
                below = PurePosixPath(files.to).relative_to(mount)
                for path, file in locked_listing(tree, Pool()).files.items():
                    yield (below / path).as_posix(), file.md5

    def _date_of(self, described: Partition) -> int:
        """The date of a file system: of content, nothing depends on the day when the rest was locked."""
        return DATE_S if described.data is DataClass.CONTENT else self.epoch

    def _make_esp(self, placed: PlacedPartition, layout: Layout, further: Mapping[str, bytes], out: Path) -> None:
        files, first = {**boot_files(self.recipe, layout, self.tree, self.tools), **further}, self.reserved
        vfat.make_vfat(self.tools, files, placed, out=out, epoch=self.epoch, first=first)
        if first:
            self._check_reserved(placed, out)

    def _check_reserved(self, placed: PlacedPartition, out: Path) -> None:
        """What the manifest promises is what a writer will find."""
        promised = b"".join(self.reserved.values())
        with out.open("rb") as file:
            file.seek(vfat.first_file_at(self.tools, placed, scratch=self.scratch))
            if file.read(len(promised)) != promised:
                raise BuildFailed(
                    f"the reserved files do not lie at the beginning of partition {placed.name}",
                    hint="this is a fault of Satchel or of mtools; please report it",
                )

    def _make(self, described: Partition, placed: PlacedPartition, out: Path) -> None:
        match placed.filesystem:
            case FileSystem.VFAT:
                vfat.make_vfat(self.tools, {}, placed, out=out, epoch=self.epoch)
            case FileSystem.EXT4:
                read_only = "ro" in described.options
                source = self._source(placed.mount)
                epoch = self._date_of(described)
                ext4.make_ext4(self.tools, source, placed, out=out, epoch=epoch, read_only=read_only)
            case FileSystem.BTRFS:
                subvolumes = {subvolume.name: self._source(subvolume.mount) for subvolume in described.subvolumes}
                whole = {"": self._source(placed.mount)}
                btrfs.make_btrfs(
                    self.tools,
                    subvolumes or whole,
                    placed,
                    out=out,
                    epoch=self._date_of(described),
                    compress=described.compress,
                    nested=nested_subvolumes(whole[""].path) if described.mount else (),
                )
            case None:
                raise AssertionError

    def _source(self, mount: str | None) -> Source:
        """What of the tree lies in the file system that is mounted there; nothing, for one that is never mounted."""
        if mount is None:
            empty = self.scratch / "empty"
            empty.mkdir(exist_ok=True)
            return Source(path=empty)
        alone = self.growth.alone_at(mount)
        if alone is not None:
            return Source(path=alone / mount.lstrip("/"))
        return Source(path=self.tree / mount.lstrip("/"), hidden=hidden_below(self.recipe, mount))

    def _out(self, placed: PlacedPartition) -> Path:
        return self.scratch / f"{placed.name}.piece"


def _touching(growth: Growth, mount: str) -> dict[str, str]:
    """The keys of the layers that changed something at or below a mount point, by parts' names."""
    # lexists: a layer that removed the directory left a device node in its place.
    below = mount.lstrip("/")
    return {f"layer {layer.name}": layer.key for layer, tree in growth.trees() if os.path.lexists(tree / below)}


def _esp(layout: Layout) -> PlacedPartition:
    return next(partition for partition in layout.partitions if partition.type == "esp")
