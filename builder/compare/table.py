"""What the bytes outside the partitions belong to. Positions are from the UEFI specification, chapter 5."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from builder.compare.anatomy import Region
from builder.disk.read import Table

_HEADER, _ENTRIES, _ENTRY, _COUNT = 92, 2, 128, 128
_BOOT_CODE, _SIGNATURE = 440, 446
_FIELDS: Final = (
    (0, 16, "signature and size"),
    (16, 8, "checksum"),
    (24, 32, "places"),
    (56, 16, "disk GUID"),
    (72, 16, "place and number of entries"),
    (88, 4, "checksum of the entries"),
)
BACKUP_SECTORS: Final = 33
"""Sectors at the end of a disk that hold the second copy of a GPT."""


def head_regions(table: Table) -> Iterator[Region]:
    """The regions from the first byte of the disk to its first partition."""
    protective = "protective MBR" if table.kind == "gpt" else "MBR"
    yield Region(start=0, length=_BOOT_CODE, structure="MBR boot code")
    yield Region(start=_BOOT_CODE, length=_SIGNATURE - _BOOT_CODE, structure=f"{protective}, disk signature")
    yield Region(start=_SIGNATURE, length=512 - _SIGNATURE, structure=f"{protective}, partition entries")
    if table.kind == "gpt":
        sector = table.sector_bytes
        yield from _header(sector, sector, "primary")
        yield from _entries(_ENTRIES * sector, table, "primary")
        first = table.partitions[0].start_bytes if table.partitions else table.size_bytes
        begin = _ENTRIES * sector + _ENTRY * _COUNT
        name = table.partitions[0].name if table.partitions else "the end"
        yield Region(start=begin, length=first - begin, structure=f"gap before partition {name}")


def tail_regions(table: Table) -> Iterator[Region]:
    """The regions of the second copy of a GPT, relative to its first sector, BACKUP_SECTORS before the end."""
    yield from _entries(0, table, "backup")
    yield from _header(_ENTRY * _COUNT, table.sector_bytes, "backup")


def _header(start: int, sector: int, which: str) -> Iterator[Region]:
    for at, length, words in _FIELDS:
        yield Region(start=start + at, length=length, structure=f"{which} GPT header, {words}")
    yield Region(start=start + _HEADER, length=sector - _HEADER, structure=f"{which} GPT header, reserved")


def _entries(start: int, table: Table, which: str) -> Iterator[Region]:
    names = {partition.number: partition.name for partition in table.partitions}
    for number in range(1, _COUNT + 1):
        name = f"partition {names[number]}" if number in names else "an unused entry"
        yield Region(
            start=start + (number - 1) * _ENTRY,
            length=_ENTRY,
            structure=f"{which} GPT, entry {number} ({name})",
        )
