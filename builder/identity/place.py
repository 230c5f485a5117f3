"""Where the seed lies on a card or in an image, found by looking at the card itself: partition table, FAT, directory.

Nothing is believed that a manifest says: a card may have been edited on a laptop since it was flashed.
"""

from __future__ import annotations

import json
import stat
from dataclasses import dataclass
from pathlib import Path

from seed import document, places

from builder.compare.anatomy import Anatomy, File
from builder.compare.opened import OpenImage, open_image
from builder.disk.image import disk_image
from builder.disk.read import Table, TablePartition
from builder.errors import ArtifactError
from builder.manifest import Manifest


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """Bytes that lie side by side in one file or device."""

    path: Path
    offset_bytes: int
    size_bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SeedPlace:
    """The place of a seed, and what is in it now."""

    target: Path
    """What a person calls the card or image."""
    runs: tuple[Run, ...]
    """Where its bytes lie; one run, unless somebody edited the file on another computer."""
    offset_bytes: int
    """Where the first of them lies on the disk."""
    data: bytes
    had_first_boot: bool
    """Whether the report beside it says that the card is a device already, which takes no seed any more."""
    manifest: Manifest | None
    """What the image says of itself."""

    @property
    def size_bytes(self) -> int:
        """Room for a seed."""
        return len(self.data)

    @property
    def recipe(self) -> str | None:
        """The recipe that the image was made from."""
        return None if self.manifest is None else self.manifest.recipe.name

    def is_where(self, manifest: Manifest) -> bool:
        """Whether it lies where a manifest says."""
        said = manifest.seed
        return said is not None and (said.offset_bytes, said.size_bytes) == (self.offset_bytes, self.size_bytes)


def find_place(target: Path) -> SeedPlace:
    """The place of the seed on a block device, in an image or in a split one. Nothing is written.

    Raises:
        ArtifactError: there is none, or the target cannot be read.
    """
    with open_image(target) as image:
        table = image.table()
        esp, anatomy, file = _file_on_esp(image, table)
        offsets = [(esp.start_bytes + piece.stored, piece.length) for piece in file.pieces]
        manifest, data = image.manifest(table), anatomy.read(document.FILE)
        done = _had_first_boot(anatomy)
    disk = disk_image(target)
    found = [(*disk.place(offset, length), length) for offset, length in offsets]
    return SeedPlace(
        target=target,
        runs=tuple(Run(path=path, offset_bytes=offset, size_bytes=length) for path, offset, length in found),
        offset_bytes=offsets[0][0],
        data=data,
        had_first_boot=done,
        manifest=manifest,
    )


def _file_on_esp(image: OpenImage, table: Table) -> tuple[TablePartition, Anatomy, File]:
    for partition in table.partitions:
        if "esp" in partition.flags:
            anatomy = image.anatomy(partition, kind="vfat")
            file = anatomy.files.get(document.FILE)
            if file is not None and stat.S_ISREG(file.mode) and file.size:
                return partition, anatomy, file
    raise ArtifactError(
        f"{image.path} has no place for a seed: no {document.FILE} on an EFI system partition",
        hint="images of recipes with first boot have one; a compressed image must be unpacked first",
    )


def _had_first_boot(anatomy: Anatomy) -> bool:
    try:
        report = json.loads(anatomy.read(places.REPORT_JSON))
    except (ArtifactError, ValueError):
        return False
    return isinstance(report, dict) and report.get("state") == places.READY


def is_device(target: Path) -> bool:
    """Whether it is a card and not a file.

    Raises:
        ArtifactError: there is no such thing.
    """
    try:
        return stat.S_ISBLK(target.stat().st_mode)
    except OSError as error:
        raise ArtifactError(f"{target}: {error.strerror}") from error
