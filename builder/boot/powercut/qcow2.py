"""Write a state of the medium as a thin layer over the disk it differs from: a qcow2 whose clusters are sectors.

Layout by QEMU's docs/interop/qcow2.rst, version 3. The layer is only read: the machine writes into another one above.
"""

from __future__ import annotations

import os
import struct
import sys
from array import array
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from builder.boot.card import Below
from builder.boot.powercut.medium import Extent
from builder.units import SECTOR

_HEADER: Final = struct.Struct(">4sIQIIQIIQQIIQQQQII")
_BITS: Final = 9
"""A cluster is a sector, so that a torn write needs nothing of what lies below."""

_ENTRIES: Final = SECTOR // 8
"""Entries of a table of one cluster."""

_COUNTS: Final = SECTOR // 2
"""Reference counts in a block of one cluster."""

_OURS_ALONE: Final = 1 << 63
_ZEROS: Final = 1
_BACKING_FORMAT: Final = 0xE2792ACA


@dataclass(frozen=True, slots=True, kw_only=True)
class Layer:
    """What differs from the disk below; ordered, without overlaps."""

    content: tuple[Extent, ...]
    log: Path
    """Where the content lies."""


def write_layer(path: Path, layer: Layer, *, size_bytes: int, below: Below) -> None:
    """Write the layer into a new file.

    Args:
        path: The new file.
        layer: What differs.
        size_bytes: The size of the disk.
        below: What it lies over.
    """
    length = size_bytes // SECTOR
    tables = sorted({table for extent in layer.content for table in _tables(extent)})
    directory = array("Q", bytes(8 * _ceil(length, _ENTRIES)))
    first_table = 1 + _clusters(len(directory) * 8)
    first_data = first_table + len(tables)
    slots = {}
    for number, table in enumerate(tables):
        slots[table] = number * _ENTRIES
        directory[table] = (first_table + number) * SECTOR | _OURS_ALONE
    entries = array("Q", bytes(SECTOR * len(tables)))
    end = first_data
    with path.open("wb") as target, layer.log.open("rb") as source:
        for extent in layer.content:
            for sector in range(extent.start, extent.end):
                there = _ZEROS if extent.data is None else (end + sector - extent.start) * SECTOR | _OURS_ALONE
                entries[slots[sector // _ENTRIES] + sector % _ENTRIES] = there
            if extent.data is not None:
                data = os.pread(source.fileno(), (extent.end - extent.start) * SECTOR, extent.data)
                target.seek(end * SECTOR)
                target.write(data)
                end += extent.end - extent.start
        total, blocks = _with_counts(end)
        target.seek(0)
        target.write(_header(size_bytes, len(directory), counts_at=end + blocks, blocks=blocks, below=below))
        for place, numbers in ((1, directory), (first_table, entries)):
            target.seek(place * SECTOR)
            target.write(_big_endian(numbers))
        # Every cluster of the file is used once.
        target.seek(end * SECTOR)
        target.write(b"\0\1" * total)
        target.seek((end + blocks) * SECTOR)
        target.write(b"".join(struct.pack(">Q", (end + number) * SECTOR) for number in range(blocks)))
        target.truncate(total * SECTOR)


def _tables(extent: Extent) -> range:
    """The tables that an extent needs."""
    return range(extent.start // _ENTRIES, (extent.end - 1) // _ENTRIES + 1)


def _big_endian(numbers: array[int]) -> bytes:
    swapped = array("Q", numbers)
    if sys.byteorder == "little":
        swapped.byteswap()
    return swapped.tobytes()


def _with_counts(clusters: int) -> tuple[int, int]:
    """All clusters of the file, and the blocks of reference counts among them: they count themselves, too."""
    blocks = 0
    while True:
        directory = _clusters(blocks * 8)
        total = clusters + blocks + directory
        if blocks * _COUNTS >= total:
            return total, blocks
        blocks = _ceil(total, _COUNTS)


def _header(size_bytes: int, tables: int, *, counts_at: int, blocks: int, below: Below) -> bytes:
    kind, name = below.format.encode(), below.path.encode()
    extension = struct.pack(">II", _BACKING_FORMAT, len(kind)) + kind.ljust(_ceil(len(kind), 8) * 8, b"\0")
    extension += struct.pack(">II", 0, 0)
    fixed = _HEADER.pack(
        *(b"QFI\xfb", 3, _HEADER.size + len(extension), len(name), _BITS, size_bytes, 0),
        *(tables, SECTOR, counts_at * SECTOR, _clusters(blocks * 8), 0, 0),
        *(0, 0, 0, 4, _HEADER.size),
    )
    return (fixed + extension + name).ljust(SECTOR, b"\0")


def _clusters(size_bytes: int) -> int:
    return _ceil(size_bytes, SECTOR)


def _ceil(number: int, by: int) -> int:
    return -(-number // by)
