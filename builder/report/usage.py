"""How full the file systems of an image are, from their superblocks: nothing is mounted and no program is started.

Offsets: ext4, Documentation/filesystems/ext4/super.rst of the kernel; btrfs, struct btrfs_super_block of its
uapi/linux/btrfs_tree.h; FAT32, Microsoft's fatgen103, sections "BPB" and "FSInfo".
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, assert_never

from builder.disk.image import DiskImage, disk_image
from builder.errors import ArtifactError
from builder.manifest import DiskRecord
from builder.recipe.disk import FileSystem
from builder.report.facts import Usage


def usage_of(image: Path, disk: DiskRecord) -> tuple[Usage, ...]:
    """Used and free bytes of each partition that has a file system.

    Raises:
        ArtifactError: the image ends before a file system that the manifest tells of.
    """
    try:
        return tuple(_usage(disk_image(image), disk))
    except (struct.error, ZeroDivisionError) as error:
        raise ArtifactError(
            f"{image} does not hold the file systems that its manifest tells of", hint="build the image again"
        ) from error


def _usage(image: DiskImage, disk: DiskRecord) -> Iterator[Usage]:
    for partition in disk.partitions:
        if partition.filesystem is None:
            continue
        path, start = image.place(partition.start_bytes, partition.size_bytes)
        with path.open("rb") as file:
            total, free = _sizes(file, start, partition.filesystem)
        yield Usage(partition=partition.name, used_bytes=total - free, free_bytes=free)


def _sizes(file: BinaryIO, start: int, filesystem: FileSystem) -> tuple[int, int]:
    """Total and free bytes."""

    def number(form: str, offset: int) -> int:
        file.seek(start + offset)
        (value,) = struct.unpack(form, file.read(struct.calcsize(form)))
        return int(value)

    match filesystem:
        case FileSystem.BTRFS:
            total, used = number("<Q", 0x10070), number("<Q", 0x10078)
            return total, total - used
        case FileSystem.EXT4:
            block = 1024 << number("<I", 1024 + 0x18)
            blocks = number("<I", 1024 + 0x4) | number("<I", 1024 + 0x150) << 32
            free = number("<I", 1024 + 0xC) | number("<I", 1024 + 0x158) << 32
            return blocks * block, free * block
        case FileSystem.VFAT:
            sector = number("<H", 11)
            cluster = sector * number("<B", 13)
            clusters = number("<I", 32) * sector // cluster
            return clusters * cluster, min(clusters, number("<I", number("<H", 48) * sector + 488)) * cluster
        case _:
            assert_never(filesystem)
