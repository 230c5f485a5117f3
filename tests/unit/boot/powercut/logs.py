"""Logs of writes made by hand, in the format that QEMU writes."""

from __future__ import annotations

import struct
from pathlib import Path

from builder.boot.powercut.log import MAGIC, Entry
from builder.units import SECTOR

FLUSH = Entry(flush=True)

FLAGS = {"write": 0, "flush": 1, "durable": 2, "discard": 4, "mark": 8}


def write_log(path: Path, *requests: tuple[str, int, bytes], counted: int | None = None) -> Path:
    """A log of `(kind, sector, data)`; `counted` is what its superblock says, if that is not the truth."""
    head = struct.pack("<QQQI", MAGIC, 1, len(requests) if counted is None else counted, SECTOR)
    text = head.ljust(SECTOR, b"\0")
    for kind, sector, data in requests:
        sectors = 0 if kind == "mark" else len(data) // SECTOR
        extra = len(data) if kind == "mark" else 0
        text += struct.pack("<QQQQ", sector, sectors, FLAGS[kind], extra).ljust(SECTOR, b"\0")
        if kind == "mark":
            text += data.ljust(-(-len(data) // SECTOR) * SECTOR, b"\0")
        elif kind != "discard":
            text += data
    path.write_bytes(text)
    return path


def sectors(letter: str, count: int = 1) -> bytes:
    """So many sectors filled with a letter."""
    return letter.encode() * SECTOR * count


def write(sector: int, count: int = 1, *, data: int = 0, durable: bool = False) -> Entry:
    """A write as it is read from a log."""
    return Entry(sector=sector, sectors=count, data=data, durable=durable)
