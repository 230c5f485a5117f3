"""Times in a btrfs that nobody can choose: an inode's change time is when the build touched it, so it is set
afterwards.

mkfs.btrfs copies all times of a tree, and no program can set a file's change time. Without this pass two builds of the
same recipe would differ in every inode. Offsets are from btrfs' on-disk format (btrfs_header, btrfs_item,
btrfs_inode_item); a block that is changed gets its checksum anew.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Final
from uuid import UUID

from builder.disk.extents import data_extents

NODE_BYTES: Final = 16_384

_HEADER: Final = struct.Struct("<32s16sQQ16sQQIB")
_ITEM: Final = struct.Struct("<QBQII")
_INODE_ITEM, _INODE_BYTES = 1, 160
_ACCESS, _CHANGE, _MODIFIED, _BIRTH = 112, 124, 136, 148
_TIME: Final = struct.Struct("<qI")


def _table() -> tuple[int, ...]:
    made = []
    for byte in range(256):
        value = byte
        for _ in range(8):
            value = value >> 1 ^ (0x82F6_3B78 if value & 1 else 0)
        made.append(value)
    return tuple(made)


_CRC_TABLE: Final = _table()


def crc32c(data: bytes | memoryview) -> int:
    """The Castagnoli CRC, btrfs' default checksum."""
    table, value = _CRC_TABLE, 0xFFFF_FFFF
    for byte in data:
        value = table[(value ^ byte) & 0xFF] ^ value >> 8
    return value ^ 0xFFFF_FFFF


def set_times(image: Path, *, uuid: UUID, epoch: int) -> None:
    """Give every inode of a btrfs one time, that of its last modification but at latest `epoch`.

    `image` holds the file system whose UUID is `uuid`, made with blocks of NODE_BYTES and crc32c.
    """
    finished: dict[bytes, bytes] = {}
    with image.open("r+b") as file:
        descriptor = file.fileno()
        for position in _blocks(descriptor, uuid.bytes):
            block = os.pread(descriptor, NODE_BYTES, position)
            # Metadata is there twice; a checksum in Python is slow enough to make it once.
            if block not in finished:
                finished[block] = with_times(block, epoch=epoch)
            if finished[block] != block:
                os.pwrite(descriptor, finished[block], position)


def _blocks(descriptor: int, uuid: bytes) -> Iterator[int]:
    """Where blocks of metadata lie: they begin with a header that names the file system."""
    for extent in tuple(data_extents(descriptor)):
        first = extent.start + -extent.start % NODE_BYTES
        for position in range(first, extent.end - NODE_BYTES + 1, NODE_BYTES):
            # The superblock begins alike, but names no logical address of a block: it has its own place there.
            if os.pread(descriptor, 24, position + 32)[:16] == uuid and not _is_superblock(descriptor, position):
                yield position


def _is_superblock(descriptor: int, position: int) -> bool:
    return os.pread(descriptor, 8, position + 64) == b"_BHRfS_M"


def with_times(block: bytes, *, epoch: int) -> bytes:
    """A block of metadata with the times of its inodes set; blocks without inodes come back as they are."""
    *_, count, level = _HEADER.unpack_from(block)
    if level != 0:
        return block
    changed = bytearray(block)
    for number in range(count):
        _, kind, _, offset, size = _ITEM.unpack_from(block, _HEADER.size + number * _ITEM.size)
        if kind == _INODE_ITEM and size == _INODE_BYTES:
            at = _HEADER.size + offset
            seconds, nanoseconds = _TIME.unpack_from(block, at + _MODIFIED)
            time = (seconds, nanoseconds) if seconds < epoch else (epoch, 0)
            for field in (_ACCESS, _CHANGE, _MODIFIED, _BIRTH):
                _TIME.pack_into(changed, at + field, *time)
    if changed == block:
        return block
    struct.pack_into("<I", changed, 0, crc32c(memoryview(changed)[32:]))
    return bytes(changed)
