"""Which states a medium may be in after a power cut. Pure.

A medium owes nothing but this: what was written before a flush that it answered is there. Of everything later, any
part may have reached it, in any order, and of a write any of its sectors; sectors are whole. The medium must not be
made to say more than that, or the test would accuse devices of losing what no disk may lose.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from random import Random
from typing import Final

from builder.boot.powercut.log import Entry
from builder.units import SECTOR


class Kind(StrEnum):
    """What became of the writes that no flush covers yet."""

    ALL = "all"
    NONE = "none"
    LAST = "last"
    HOLE = "hole"
    SOME = "some"
    TORN = "torn"


MEANINGS: Final = {
    Kind.ALL: "everything that was written reached the medium",
    Kind.NONE: "nothing since the last flush reached it",
    Kind.LAST: "of the writes since the last flush only the newest did",
    Kind.HOLE: "all of them did but one",
    Kind.SOME: "some of them did",
    Kind.TORN: "some of them did, and of these some sectors only",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """A power cut: right after so many entries of the log, with one of the fates of what was not flushed.

    Its name says everything, so a point can be visited again by its name and the recording alone.
    """

    position: int
    kind: Kind
    variant: int = 0
    """Chooses among the states of a kind."""

    @property
    def name(self) -> str:
        """Such as `1204-torn-3`."""
        return f"{self.position}-{self.kind}-{self.variant}"


def parse_point(name: str) -> Point:
    """A point from its name.

    Raises:
        ValueError: it is none.
    """
    try:
        position, kind, variant = name.split("-")
        return Point(position=int(position), kind=Kind(kind), variant=int(variant))
    except ValueError as error:
        raise ValueError(f"{name!r} is not a point such as 1204-torn-3") from error


@dataclass(frozen=True, slots=True, kw_only=True)
class Fate:
    """What one write left on the medium: the sectors of it that reached it, counted from its first one."""

    entry: Entry
    sectors: tuple[range, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Extent:
    """A run of sectors `[start, end)`, and where its content begins in the log, in bytes; nothing means zeros."""

    start: int
    end: int
    data: int | None

    def behind(self, sector: int) -> Extent:
        """The part of it from a sector on."""
        skipped = (sector - self.start) * SECTOR
        return Extent(start=sector, end=self.end, data=None if self.data is None else self.data + skipped)


def flushed_until(entries: Sequence[Entry], position: int) -> int:
    """How many of the first entries are certainly on the medium when the power goes after `position` of them."""
    for number in range(min(position, len(entries)), 0, -1):
        if entries[number - 1].flush:
            # The data of a flush with data come after the flush; most have none.
            return number - 1 if entries[number - 1].changes else number
    return 0


def open_writes(entries: Sequence[Entry], position: int) -> tuple[Entry, ...]:
    """The writes and discards that the medium may have lost."""
    later = entries[flushed_until(entries, position) : position]
    return tuple(entry for entry in later if entry.changes and not entry.durable)


def fates(entries: Sequence[Entry], point: Point) -> tuple[Fate, ...]:
    """Everything that reached the medium before a power cut, in the order in which it counts."""
    flushed = flushed_until(entries, point.position)
    certain = tuple(_whole(entry) for entry in entries[:flushed] if entry.changes)
    return (*certain, *later_fates(entries, point))


def later_fates(entries: Sequence[Entry], point: Point) -> tuple[Fate, ...]:
    """Of that, what no flush covers."""
    later = entries[flushed_until(entries, point.position) : point.position]
    chosen = _chosen(len(open_writes(entries, point.position)), point)
    found: list[Fate] = []
    number = 0
    for entry in (entry for entry in later if entry.changes):
        if entry.durable:
            found.append(_whole(entry))
            continue
        if number in chosen:
            found.append(_torn(entry, point, number) if point.kind is Kind.TORN else _whole(entry))
        number += 1
    return tuple(fate for fate in found if fate.sectors)


def _chosen(count: int, point: Point) -> frozenset[int]:
    """Which of the open writes reached the medium."""
    everything = frozenset(range(count))
    random = Random(point.name)
    match point.kind:
        case Kind.ALL:
            return everything
        case Kind.NONE:
            return frozenset()
        case Kind.LAST:
            return frozenset({count - 1}) & everything
        case Kind.HOLE:
            return everything - {random.randrange(count)} if count else everything
        case Kind.SOME | Kind.TORN:
            share = random.random()
            return frozenset(number for number in everything if random.random() < share)


def _whole(entry: Entry) -> Fate:
    return Fate(entry=entry, sectors=(range(entry.sectors),))


def _torn(entry: Entry, point: Point, number: int) -> Fate:
    """Half of the torn writes end in their middle, as on a disk; the rest have holes, as on flash."""
    random = Random(f"{point.name}-{number}")
    if random.random() < 0.5:
        beginning = range(random.randint(0, entry.sectors))
        return Fate(entry=entry, sectors=(beginning,) if beginning else ())
    kept = [sector for sector in range(entry.sectors) if random.random() < 0.5]
    return Fate(entry=entry, sectors=tuple(_runs(kept)))


def _runs(numbers: Sequence[int]) -> Iterator[range]:
    """Increasing numbers as ranges."""
    start = 0
    for place in range(1, len(numbers) + 1):
        if place == len(numbers) or numbers[place] != numbers[place - 1] + 1:
            yield range(numbers[start], numbers[place - 1] + 1)
            start = place


def extents(reached: Sequence[Fate]) -> tuple[Extent, ...]:
    """What differs from the image when these fates came one after the other: in order, without overlaps."""
    found: list[Extent] = []
    for fate in reached:
        first, data = fate.entry.sector, fate.entry.data
        for run in fate.sectors:
            place = None if data is None else data + run.start * SECTOR
            _lay_over(found, Extent(start=first + run.start, end=first + run.stop, data=place))
    return tuple(found)


def _lay_over(found: list[Extent], new: Extent) -> None:
    """Put an extent into an ordered list; what it covers is gone."""
    if new.start == new.end:
        return
    first = bisect_right(found, new.start, key=lambda extent: extent.end)
    last = bisect_left(found, new.end, key=lambda extent: extent.start)
    kept = [new]
    if first < last:
        left, right = found[first], found[last - 1]
        if left.start < new.start:
            kept.insert(0, Extent(start=left.start, end=new.start, data=left.data))
        if right.end > new.end:
            kept.append(right.behind(new.end))
    found[first:last] = kept
