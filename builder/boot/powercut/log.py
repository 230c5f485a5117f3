"""The log of everything that a device did to its card, as QEMU's `blklogwrites` writes it.

The format is that of Linux's dm-log-writes (drivers/md/dm-log-writes.c): a superblock, then each entry in a sector of
its own, followed by its data. Writes stand in the order in which they were begun.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from builder.errors import ArtifactError
from builder.units import SECTOR

MAGIC: Final = 0x6A736677736872
_SUPERBLOCK: Final = struct.Struct("<QQQI")
_ENTRY: Final = struct.Struct("<QQQQ")

_FLUSH: Final = 1
_FUA: Final = 2
_DISCARD: Final = 4
_MARK: Final = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One request of the device; places and sizes in sectors of 512 bytes."""

    sector: int = 0
    sectors: int = 0
    data: int | None = None
    """Where its data begin in the log, in bytes; a discard has none."""
    flush: bool = False
    """Everything before it must be on the medium before it is answered; its own data come after that."""
    durable: bool = False
    """Its own data must be on the medium before it is answered (FUA)."""

    @property
    def changes(self) -> bool:
        """Whether it changes the medium, and is not only a flush."""
        return self.sectors > 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Log:
    """A log and its entries, in order."""

    path: Path
    entries: tuple[Entry, ...]


def count(path: Path) -> int:
    """How many entries a log has by now; 0 while it has not begun."""
    with path.open("rb") as file:
        head = file.read(_SUPERBLOCK.size)
    if len(head) < _SUPERBLOCK.size:
        return 0
    magic, _version, entries, _sector = _SUPERBLOCK.unpack(head)
    return int(entries) if magic == MAGIC else 0


def read(path: Path) -> Log:
    """Read a log that is finished or was cut off: what its superblock counts is whole.

    Raises:
        ArtifactError: it is not such a log, or shorter than it says.
    """
    with path.open("rb") as file:
        head = file.read(_SUPERBLOCK.size)
        if len(head) < _SUPERBLOCK.size:
            raise ArtifactError(f"{path} is not a log of writes: it is too short")
        magic, version, total, sector_bytes = _SUPERBLOCK.unpack(head)
        if (magic, version, sector_bytes) != (MAGIC, 1, SECTOR):
            raise ArtifactError(f"{path} is not a log of writes with sectors of {SECTOR} bytes")
        size = path.stat().st_size
        place, entries = SECTOR, []
        for number in range(total):
            file.seek(place)
            raw = file.read(_ENTRY.size)
            if len(raw) < _ENTRY.size:
                raise ArtifactError(f"{path} ends after {number} of {total} entries")
            sector, sectors, flags, extra = _ENTRY.unpack(raw)
            place += SECTOR
            if flags & _MARK:
                place += -(-extra // SECTOR) * SECTOR
                continue
            has_data = sectors > 0 and not flags & _DISCARD
            entry = Entry(
                sector=sector,
                sectors=sectors,
                data=place if has_data else None,
                flush=bool(flags & _FLUSH),
                durable=bool(flags & _FUA),
            )
            entries.append(entry)
            if has_data:
                place += sectors * SECTOR
                if place > size:
                    raise ArtifactError(f"{path} ends within entry {number + 1} of {total}")
    return Log(path=path, entries=tuple(entries))
