"""Read the partition table of any image or device, by libparted: no root and no tools tree is needed.

The only module that imports pyparted, which has no types: what leaves here has.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, cast

import parted

from builder.disk.image import disk_image
from builder.errors import ArtifactError

_KINDS: Final = {"gpt": "gpt", "msdos": "mbr"}


@dataclass(frozen=True, slots=True, kw_only=True)
class TablePartition:
    """One partition as the table has it; positions and sizes in bytes, no name in an MBR.

    `flags` are libparted's words: `bios_grub` and `esp` name those types. Type GUIDs need a libparted newer than 3.5.
    """

    number: int
    name: str
    start_bytes: int
    size_bytes: int
    flags: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """A partition table: its kind (`gpt` or `mbr`), the size of what carries it, and the partitions by position."""

    kind: str
    size_bytes: int
    sector_bytes: int
    partitions: tuple[TablePartition, ...]

    @property
    def esp(self) -> TablePartition | None:
        """The EFI system partition, which on a card for a Raspberry Pi is its firmware's; none if there is none."""
        return next((partition for partition in self.partitions if "esp" in partition.flags), None)


def read_table(image: Path) -> Table:
    """The partition table of an image, whole or split, or of a block device; nothing is written to it.

    Raises:
        ArtifactError: it cannot be read, or has no GPT and no MBR.
    """
    if not os.access(image, os.R_OK):
        reason = "may not be read" if image.exists() else "does not exist"
        raise ArtifactError(f"{image} {reason}")
    if image.is_dir():
        raise ArtifactError(f"{image} is a directory, not a disk image")
    try:
        with disk_image(image).outside() as path:
            device = parted.getDevice(os.fspath(path))
            disk = parted.newDisk(device)
    except (parted.DeviceException, parted.DiskException, parted.IOException) as error:
        raise ArtifactError(f"{image} is not a disk image with a partition table", details=str(error)) from error
    if disk.type not in _KINDS:
        raise ArtifactError(f"{image} has a partition table of the kind {disk.type}, which is neither GPT nor MBR")
    sector = cast(int, device.sectorSize)
    found = [_partition(partition, kind=disk.type, sector=sector) for partition in disk.partitions]
    return Table(
        kind=_KINDS[disk.type],
        size_bytes=cast(int, device.length) * sector,
        sector_bytes=sector,
        partitions=tuple(sorted(found, key=lambda partition: partition.start_bytes)),
    )


def _partition(partition: Any, *, kind: str, sector: int) -> TablePartition:
    return TablePartition(
        number=cast(int, partition.number),
        name=cast(str, partition.name or "") if kind == "gpt" else "",
        start_bytes=cast(int, partition.geometry.start) * sector,
        size_bytes=cast(int, partition.geometry.length) * sector,
        flags=tuple(cast(str, partition.getFlagsAsString()).split(", ")) if partition.getFlagsAsString() else (),
    )
