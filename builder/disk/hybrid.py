"""A hybrid MBR: what a boot ROM that knows no GPT finds of a disk that has one. Pure.

The boot ROM of a Raspberry Pi 3 and Zero 2 W looks for the first FAT partition in the MBR and nowhere else. One
partition of the GPT stands there too, first, and beside it the entry by which everybody else knows that the GPT counts:
Linux (block/partitions/efi.c: type 0xEE that begins in sector 1), libfdisk, parted and gdisk.
"""

from __future__ import annotations

import struct
from typing import Final

from builder.plan.layout import Layout, PlacedPartition
from builder.units import SECTOR

ENTRIES_AT: Final = 446
"""Where the four entries begin; a signature of two bytes follows them."""

_FAT32_LBA: Final = 0x0C
_GPT: Final = 0xEE
_ENTRY: Final = struct.Struct("<B3sB3sII")
"""Whether it is active, first cylinder, head and sector, type, last of them, first sector, number of sectors."""

_HEADS, _SECTORS, _CYLINDERS = 255, 63, 1024
_TOO_FAR: Final = b"\xfe\xff\xff"


def hybrid_entries(layout: Layout, shown: PlacedPartition) -> bytes:
    """The 64 bytes of the MBR's entries that show one partition of the layout besides the GPT."""
    before = layout.partitions[0].start_bytes // SECTOR
    return (
        _entry(_FAT32_LBA, shown.start_bytes // SECTOR, shown.size_bytes // SECTOR)
        + _entry(_GPT, 1, before - 1)
        + bytes(2 * _ENTRY.size)
    )


def _entry(kind: int, first: int, count: int) -> bytes:
    return _ENTRY.pack(0, _chs(first), kind, _chs(first + count - 1), first, count)


def _chs(sector: int) -> bytes:
    """Cylinder, head and sector as fdisk writes them: of a disk with 255 heads and 63 sectors a track."""
    track, place = divmod(sector, _SECTORS)
    cylinder, head = divmod(track, _HEADS)
    if cylinder >= _CYLINDERS:
        return _TOO_FAR
    return bytes((head, (place + 1) | (cylinder >> 8) << 6, cylinder & 0xFF))
