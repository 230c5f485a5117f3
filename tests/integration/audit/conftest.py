"""A finished image out of plain files: vfat, btrfs with subvolumes and zstd, ext4, made by the tools' own programs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from builder.audit.partition import ImagePartition
from builder.disk.extents import copy_extent, data_extents
from builder.host.sandbox import Mount
from builder.host.tools import WORK, Tools, ensure_lab
from builder.progress import Reporter
from builder.recipe.disk import FileSystem
from builder.units import MIB

ESP = ImagePartition(
    name="esp", start_bytes=4 * MIB, size_bytes=36 * MIB, filesystem=FileSystem.VFAT, mount="/boot/efi"
)
ROOT = ImagePartition(
    name="root",
    start_bytes=40 * MIB,
    size_bytes=256 * MIB,
    filesystem=FileSystem.BTRFS,
    subvolumes=(("@", "/"), ("@home", "/home"), ("@log", "/var/log")),
)
CONTENT = ImagePartition(
    name="content", start_bytes=296 * MIB, size_bytes=64 * MIB, filesystem=FileSystem.EXT4, mount="/srv/content"
)
PARTITIONS = (ESP, ROOT, CONTENT)

MAKERS: Mapping[FileSystem, str] = {
    FileSystem.VFAT: 'mkfs.vfat part.img; cd tree; for entry in *; do mcopy -s -i ../part.img "$entry" ::/; done',
    FileSystem.EXT4: "mke2fs -q -t ext4 -d tree part.img",
    FileSystem.BTRFS: "cd tree; mkfs.btrfs -q --compress zstd:3 -r . $(printf -- '--subvol rw:%s ' @*) ../part.img",
}


@dataclass
class Workshop:
    """Makes images in a directory; use it only inside the namespace."""

    directory: Path

    @property
    def tools(self) -> Tools:
        """The lab: it makes file systems too, when nobody counts bytes."""
        return ensure_lab(Reporter())

    def image(self, trees: Mapping[str, Path]) -> Path:
        """An image whose partitions hold the trees of their names; a btrfs's subvolumes are the directories `@*`."""
        image = self.directory / "try.img"
        with image.open("wb") as target:
            target.truncate(364 * MIB)
            for partition in PARTITIONS:
                with self._file_system(partition, trees[partition.name]).open("rb") as source:
                    for data in data_extents(source.fileno()):
                        at = partition.start_bytes + data.start
                        copy_extent(source.fileno(), data, target.fileno(), at=at, advance=lambda _count: None)
        return image

    def _file_system(self, partition: ImagePartition, tree: Path) -> Path:
        out = self.directory / partition.name
        out.mkdir()
        with (out / "part.img").open("wb") as file:
            file.truncate(partition.size_bytes)
        sandbox = self.tools.sandbox(
            Mount(target=f"{WORK}/out", source=out, writable=True), Mount(target=f"{WORK}/out/tree", source=tree)
        )
        script = f"cd {WORK}/out && {MAKERS[partition.filesystem]}"
        sandbox.run(("bash", "-euc", script), why=f"make {partition.name}")
        (out / "tree").rmdir()
        return out / "part.img"


@pytest.fixture
def workshop(tmp_path: Path) -> Workshop:
    """A workshop in the test's own directory."""
    return Workshop(tmp_path)
