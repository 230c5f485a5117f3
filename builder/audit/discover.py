"""What an image of anybody holds: partitions, or one file system without a table, recognised by their superblocks."""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from builder.audit.finding import NotLooked
from builder.audit.mounts import Identity
from builder.audit.partition import ImagePartition
from builder.disk.image import DiskImage, disk_image
from builder.disk.partuuid import HEAD_BYTES, partuuids
from builder.disk.read import Table, TablePartition, read_table
from builder.disk.superblock import PROBE_BYTES, Superblock, identify
from builder.errors import ArtifactError
from builder.recipe.disk import FileSystem

_READABLE: Final = {
    "vfat": FileSystem.VFAT,
    "ext2": FileSystem.EXT4,
    "ext3": FileSystem.EXT4,
    "ext4": FileSystem.EXT4,
    "btrfs": FileSystem.BTRFS,
}
"""Types of superblocks, and the reader of each; that for ext4 reads its forerunners too."""

_PACKED: Final = (
    (b"\x28\xb5\x2f\xfd", "compressed by zstd", "zstd -d {}"),
    (b"\xfd7zXZ\0", "compressed by xz", "xz -dk {}"),
    (b"\x1f\x8b", "compressed by gzip", "gunzip -k {}"),
    (b"BZh", "compressed by bzip2", "bunzip2 -k {}"),
    (b"PK\x03\x04", "a ZIP archive", "unzip {}"),
    (b"7z\xbc\xaf\x27\x1c", "a 7z archive", "7z x {}"),
    (b"QFI\xfb", "an image of QEMU", "qemu-img convert -O raw {} image.img"),
    (b"KDMV", "an image of VMware", "qemu-img convert -O raw {} image.img"),
)
"""First bytes, what that is, and the command that makes a raw image of it."""

_WHOLE: Final = "whole"
_SPEAKING: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")


@dataclass(frozen=True, slots=True, kw_only=True)
class Discovered:
    """The file systems that can be read, what a mount table may call each, and the rest."""

    partitions: tuple[ImagePartition, ...]
    identities: tuple[Identity, ...]
    not_looked: tuple[NotLooked, ...]
    types: dict[str, str]
    """The type of each file system, by the partition's name."""


def refuse_packed(image: Path) -> None:
    """Refuse what has to be unpacked first.

    Raises:
        ArtifactError: names the command that unpacks it.
    """
    with image.open("rb") as file:
        head = file.read(8)
    for magic, what, command in _PACKED:
        if head.startswith(magic):
            raise ArtifactError(f"{image} is {what}, and only raw images can be audited", hint=command.format(image))


def discover(image: Path) -> Discovered:
    """Look at the table and at every superblock of an image.

    Raises:
        ArtifactError: there is neither a partition table nor a file system that is known.
    """
    disk = disk_image(image)
    try:
        table = read_table(image)
    except ArtifactError:
        return _one_file_system(image, disk)
    ids = partuuids(_head(disk, 0, min(HEAD_BYTES, disk.size_bytes)), table)
    partitions, identities, types = [], [], {}
    not_looked: list[NotLooked] = []
    for found, name in zip(table.partitions, _names(table), strict=True):
        superblock = identify(_head(disk, found.start_bytes, min(PROBE_BYTES, found.size_bytes)))
        filesystem = _READABLE.get(superblock.type) if superblock else None
        if superblock is None or filesystem is None:
            if not _encloses_another(found, table.partitions):
                not_looked.append(NotLooked(place=f"[{name}]", why=_unreadable(superblock)))
            continue
        partitions.append(
            ImagePartition(name=name, start_bytes=found.start_bytes, size_bytes=found.size_bytes, filesystem=filesystem)
        )
        identities.append(_identity(name, filesystem, superblock, found, ids.get(found.number, "")))
        types[name] = superblock.type
    return Discovered(
        partitions=tuple(partitions), identities=tuple(identities), not_looked=tuple(not_looked), types=types
    )


def _one_file_system(image: Path, disk: DiskImage) -> Discovered:
    superblock = identify(_head(disk, 0, min(PROBE_BYTES, disk.size_bytes)))
    if superblock is None:
        raise ArtifactError(f"{image} has neither a partition table (GPT, MBR) nor a file system that is known")
    filesystem = _READABLE.get(superblock.type)
    if filesystem is None:
        raise ArtifactError(f"{image} is a file system of the type {superblock.type}, which cannot be read here",
                            hint="mount it, and audit the directory")  # fmt: skip
    partition = ImagePartition(name=_WHOLE, start_bytes=0, size_bytes=disk.size_bytes, filesystem=filesystem)
    return Discovered(
        partitions=(partition,),
        identities=(_identity(_WHOLE, filesystem, superblock, None, ""),),
        not_looked=(),
        types={_WHOLE: superblock.type},
    )


def _identity(
    name: str, filesystem: FileSystem, superblock: Superblock, found: TablePartition | None, partuuid: str
) -> Identity:
    return Identity(
        name=name,
        number=found.number if found else None,
        filesystem=filesystem,
        uuid=superblock.uuid,
        label=superblock.label,
        partuuid=partuuid,
        partlabel=found.name if found else "",
    )


def _names(table: Table) -> Iterator[str]:
    """Names for people that can also be names of directories: those of the table where they are good for it."""
    often = Counter(partition.name for partition in table.partitions)
    for partition in table.partitions:
        good = often[partition.name] == 1 and _SPEAKING.fullmatch(partition.name)
        yield partition.name if good else f"p{partition.number}"


def _head(disk: DiskImage, start: int, length: int) -> bytes:
    path, at = disk.place(start, length)
    with path.open("rb") as file:
        return os.pread(file.fileno(), length, at)


def _unreadable(superblock: Superblock | None) -> str:
    if superblock is None:
        return "no file system that is known"
    if superblock.type in {"crypto_LUKS", "BitLocker"}:
        return f"is encrypted ({superblock.type})"
    return "is swap space" if superblock.type == "swap" else f"{superblock.type} cannot be read here"


def _encloses_another(found: TablePartition, partitions: Sequence[TablePartition]) -> bool:
    """Whether it is the extended partition of an MBR, which only holds others."""
    end = found.start_bytes + found.size_bytes
    return any(found.start_bytes < other.start_bytes < end for other in partitions)
