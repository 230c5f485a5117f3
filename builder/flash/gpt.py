"""GUID partition tables: read from a card or an image, and written for a card of another size. Pure.

The second copy of a table belongs into the card's last sectors: only there do firmware and kernel look for it when the
first copy is damaged. Source: UEFI specification 2.10, sections 5.2.3 (protective MBR) and 5.3.
"""

from __future__ import annotations

import struct
import uuid
import zlib
from dataclasses import dataclass, replace
from typing import Final

from builder.disk.extents import Extent
from builder.flash.overlay import Patch

_SIGNATURE: Final = b"EFI PART"
_HEADER: Final = struct.Struct("<8s4sIIIQQQQ16sQIII")
"""Signature, revision, size, CRC, reserved, own LBA, other LBA, first and last usable LBA, disk GUID, LBA of the
entries, their number, the size of one, their CRC."""
_ENTRY: Final = struct.Struct("<16s16sQQQ72s")
"""Type, GUID, first and last LBA, attributes, name in UTF-16."""

ESP: Final = uuid.UUID("c12a7328-f81f-11d2-ba4b-00a0c93ec93b")
"""The type of an EFI system partition."""

_MBR_ENTRY: Final = 446
_MBR_END: Final = 512
_PROTECTIVE: Final = 0xEE
_MOST_SECTORS: Final = 0xFFFF_FFFF
_LARGEST_TABLE: Final = 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One partition as the table has it."""

    number: int
    name: str
    kind: uuid.UUID
    """Its type."""
    extent: Extent


@dataclass(frozen=True, slots=True, kw_only=True)
class Gpt:
    """One copy of a table; positions in sectors."""

    sector: int
    """Bytes in one."""
    revision: bytes
    size: int
    """Bytes of the header."""
    own: int
    other: int
    first_usable: int
    last_usable: int
    guid: bytes
    entries_at: int
    count: int
    entry_size: int
    entries: bytes

    @property
    def partitions(self) -> tuple[Entry, ...]:
        """What the table names, by number."""
        found = []
        for number in range(self.count):
            kind, _, first, last, _, name = _ENTRY.unpack_from(self.entries, number * self.entry_size)
            if any(kind):
                extent = Extent(first * self.sector, (last + 1 - first) * self.sector)
                text = name.decode("utf-16-le", errors="replace").partition("\0")[0]
                found.append(Entry(number=number + 1, name=text, kind=uuid.UUID(bytes_le=kind), extent=extent))
        return tuple(found)

    @property
    def table_sectors(self) -> int:
        """Sectors of the entries."""
        return -(-len(self.entries) // self.sector)

    def with_guid(self, guid: uuid.UUID) -> Gpt:
        """The same table of a disk with another GUID."""
        return replace(self, guid=guid.bytes_le)

    def at_end_of(self, card_bytes: int) -> Gpt:
        """The first copy of the same table on a card of this size."""
        last = card_bytes // self.sector - 1
        return replace(self, other=last, last_usable=last - self.table_sectors - 1)

    def as_first(self) -> Gpt:
        """The first copy, told by the second."""
        return replace(self, own=self.other, other=self.own, entries_at=self.other + 1)

    def patches(self) -> tuple[Patch, ...]:
        """The bytes of both copies; this one is the first."""
        table = self.entries.ljust(self.table_sectors * self.sector, b"\0")
        second = replace(self, own=self.other, other=self.own, entries_at=self.other - self.table_sectors)
        return (
            Patch(offset=self.own * self.sector, data=self.header()),
            Patch(offset=self.entries_at * self.sector, data=table),
            Patch(offset=second.entries_at * self.sector, data=table + second.header().ljust(self.sector, b"\0")),
        )

    def header(self) -> bytes:
        """The bytes of this copy's header, with its checksums."""

        def fields(crc: int) -> bytes:
            return _HEADER.pack(
                *(_SIGNATURE, self.revision, self.size, crc, 0, self.own, self.other),
                *(self.first_usable, self.last_usable, self.guid),
                *(self.entries_at, self.count, self.entry_size, zlib.crc32(self.entries)),
            ).ljust(self.size, b"\0")

        return fields(zlib.crc32(fields(0)))


def table_in(data: bytes, *, at: int, header: int, sector: int) -> Gpt | None:
    """A copy of a table in a piece of a disk; none if there is none, or one that is damaged.

    Args:
        data: The piece, with header and entries.
        at: Where it begins, in sectors.
        header: Where the header must lie, in sectors.
        sector: Bytes in a sector.
    """
    place = (header - at) * sector
    if place < 0 or data[place : place + len(_SIGNATURE)] != _SIGNATURE or len(data) < place + _HEADER.size:
        return None
    raw = _HEADER.unpack_from(data, place)
    _, revision, size, crc, _, own, other, first_usable, last_usable, guid, entries_at, *table = raw
    count, entry_size, entries_crc = table
    whole, start, length = data[place : place + size], (entries_at - at) * sector, count * entry_size
    sound = _HEADER.size <= size <= sector and own == header and entry_size >= _ENTRY.size and length <= _LARGEST_TABLE
    if not sound or start < 0 or start + length > len(data) or zlib.crc32(whole[:16] + bytes(4) + whole[20:]) != crc:
        return None
    entries = data[start : start + length]
    if zlib.crc32(entries) != entries_crc:
        return None
    return Gpt(
        sector=sector,
        revision=revision,
        size=size,
        own=own,
        other=other,
        first_usable=first_usable,
        last_usable=last_usable,
        guid=guid,
        entries_at=entries_at,
        count=count,
        entry_size=entry_size,
        entries=entries,
    )


def moved_to_end(head: bytes, *, card_bytes: int, sector: int) -> tuple[Patch, ...]:
    """What differs from the image on a card of another size; nothing if there is no table, or nothing to move.

    A later patch goes over an earlier one: the old second copy is wiped, and on a card that is hardly larger than the
    image the new one lies partly in the same place.

    Args:
        head: The beginning of the image, with the whole first copy of the table.
        card_bytes: The size of the card.
        sector: Bytes in a logical sector of both.
    """
    found = table_in(head, at=0, header=1, sector=sector)
    if found is None or found.other >= card_bytes // sector - 1:
        return ()
    start = (found.other - found.table_sectors) * sector
    old = Patch(offset=start, data=bytes((found.table_sectors + 1) * sector))
    new = found.at_end_of(card_bytes)
    return (old, *new.patches(), *protective(head, new.other))


def protective(head: bytes, last: int) -> tuple[Patch, ...]:
    """The size of a disk whose last sector is `last` in its protective MBR; a hybrid MBR is left alone."""
    if len(head) < _MBR_END:
        return ()
    kinds = [head[_MBR_ENTRY + 16 * number + 4] for number in range(4)]
    if kinds != [_PROTECTIVE, 0, 0, 0]:
        return ()
    return (Patch(offset=_MBR_ENTRY + 12, data=struct.pack("<I", min(last, _MOST_SECTORS))),)
