"""Recognise a file system by its superblock: type, label, UUID and size, from bytes alone. Pure.

`satchel inspect` works on any image with it, without root and without tools. Offsets are from the file systems' own
documentation: the kernel's filesystems/ext4, btrfs' on-disk format, squashfs' header, Microsoft's FAT specification.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final
from uuid import UUID

PROBE_BYTES: Final = 68 * 1024
"""How much of a partition's beginning `identify` wants to see; btrfs' superblock lies farthest in, at 64 KiB."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Superblock:
    """A file system as its superblock describes it; `label` and `uuid` as blkid prints them, empty where unset.

    Of the kinds that are only recognised, such as NTFS or an encrypted volume, nothing but the type is known.
    """

    type: str
    label: str = ""
    uuid: str = ""
    size_bytes: int = 0


def identify(head: bytes) -> Superblock | None:
    """The file system that begins with these bytes, or none that is known.

    Bytes that are missing because the partition is shorter than PROBE_BYTES count as zeros.
    """
    padded = head[:PROBE_BYTES].ljust(PROBE_BYTES, b"\0")
    return next((found for probe in _PROBES if (found := probe(padded)) is not None), None)


def _text(raw: bytes) -> str:
    return raw.split(b"\0", 1)[0].decode(errors="replace").rstrip(" ")


def _btrfs(head: bytes) -> Superblock | None:
    block = head[0x10000:0x11000]
    if block[0x40:0x48] != b"_BHRfS_M":
        return None
    (size,) = struct.unpack_from("<Q", block, 0x70)
    return Superblock(
        type="btrfs", label=_text(block[0x12B:0x22B]), uuid=str(UUID(bytes=block[0x20:0x30])), size_bytes=size
    )


def _ext(head: bytes) -> Superblock | None:
    block = head[1024:2048]
    if block[0x38:0x3A] != b"\x53\xef":
        return None
    low, block_size_log = struct.unpack_from("<I", block, 0x04)[0], struct.unpack_from("<I", block, 0x18)[0]
    compat, incompat = struct.unpack_from("<II", block, 0x5C)
    (high,) = struct.unpack_from("<I", block, 0x150) if incompat & 0x80 else (0,)
    if block_size_log > 6:
        return None
    # Extents, 64-bit numbers or flexible groups make an ext4; a journal without them an ext3.
    kind = "ext4" if incompat & (0x40 | 0x80 | 0x200) else "ext3" if compat & 0x4 else "ext2"
    return Superblock(
        type=kind,
        label=_text(block[0x78:0x88]),
        uuid=str(UUID(bytes=block[0x68:0x78])),
        size_bytes=(high << 32 | low) << (10 + block_size_log),
    )


def _squashfs(head: bytes) -> Superblock | None:
    if head[:4] != b"hsqs" or struct.unpack_from("<H", head, 28)[0] != 4:
        return None
    return Superblock(type="squashfs", label="", uuid="", size_bytes=struct.unpack_from("<Q", head, 40)[0])


def _swap(head: bytes) -> Superblock | None:
    if head[4086:4096] != b"SWAPSPACE2":
        return None
    (last_page,) = struct.unpack_from("<I", head, 1028)
    uuid = str(UUID(bytes=head[1036:1052]))
    return Superblock(type="swap", label=_text(head[1052:1068]), uuid=uuid, size_bytes=(last_page + 1) * 4096)


def _vfat(head: bytes) -> Superblock | None:
    sector_size, cluster, reserved, tables = struct.unpack_from("<HBHB", head, 11)
    small_total, _media, small_table = struct.unpack_from("<HBH", head, 19)
    total, large_table = struct.unpack_from("<II", head, 32)
    if (
        head[510:512] != b"\x55\xaa"
        or head[0] not in (0xEB, 0xE9)
        or sector_size not in (512, 1024, 2048, 4096)
        or cluster not in (1, 2, 4, 8, 16, 32, 64, 128)
        or reserved == 0
        or tables not in (1, 2)
        or not (small_table or large_table)
    ):
        return None
    at = 38 if small_table else 66
    if head[at] not in (0x28, 0x29):
        return None
    serial = f"{struct.unpack_from('<I', head, at + 1)[0]:08X}"
    label = _text(head[at + 5 : at + 16])
    return Superblock(
        type="vfat",
        label="" if label == "NO NAME" else label,
        uuid=f"{serial[:4]}-{serial[4:]}",
        size_bytes=(small_total or total) * sector_size,
    )


_MARKS: Final = (
    ("crypto_LUKS", 0, b"LUKS\xba\xbe"),
    ("BitLocker", 3, b"-FVE-FS-"),
    ("ntfs", 3, b"NTFS    "),
    ("exfat", 3, b"EXFAT   "),
    ("xfs", 0, b"XFSB"),
    ("f2fs", 1024, b"\x10\x20\xf5\xf2"),
    ("erofs", 1024, b"\xe2\xe1\xf5\xe0"),
    ("LVM2_member", 536, b"LVM2 001"),
)
"""What is recognised and no more: type as blkid prints it, place and bytes."""


def _marked(head: bytes) -> Superblock | None:
    return next((Superblock(type=name) for name, at, mark in _MARKS if head.startswith(mark, at)), None)


_PROBES: Final[tuple[Callable[[bytes], Superblock | None], ...]] = (_btrfs, _ext, _squashfs, _swap, _marked, _vfat)
