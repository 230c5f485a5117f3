"""Every reconstructed state must be one that a medium may be in, and all that it may be in must be reachable."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from builder.boot.powercut.log import Entry
from builder.boot.powercut.medium import (
    Extent,
    Fate,
    Kind,
    Point,
    extents,
    fates,
    flushed_until,
    open_writes,
    parse_point,
)
from builder.units import SECTOR

from .logs import FLUSH, write

DISK = 24
"""Sectors of the disk on which the properties are tried."""


@st.composite
def logs(draw: st.DrawFn) -> tuple[Entry, ...]:
    """A log in which each write has data of its own, so that a sector tells which write it comes from."""
    entries = []
    for number in range(draw(st.integers(0, 14))):
        sector = draw(st.integers(0, DISK - 1))
        count = draw(st.integers(1, DISK - sector))
        place = number * DISK * SECTOR
        shape = draw(st.sampled_from(["write"] * 5 + ["flush", "flush", "discard", "durable", "flush with data"]))
        match shape:
            case "flush":
                entries.append(FLUSH)
            case "discard":
                entries.append(Entry(sector=sector, sectors=count))
            case _:
                entry = Entry(
                    sector=sector,
                    sectors=count,
                    data=place,
                    durable=shape == "durable",
                    flush=shape == "flush with data",
                )
                entries.append(entry)
    return tuple(entries)


points = st.builds(Point, position=st.integers(0, 14), kind=st.sampled_from(list(Kind)), variant=st.integers(0, 99))


def disk_of(found: Sequence[Extent]) -> dict[int, int | None]:
    """Each sector that differs, and where its content comes from."""
    return {
        sector: None if extent.data is None else extent.data + (sector - extent.start) * SECTOR
        for extent in found
        for sector in range(extent.start, extent.end)
    }


def written_by(entry: Entry) -> dict[int, int | None]:
    return disk_of([Extent(start=entry.sector, end=entry.sector + entry.sectors, data=entry.data)])


@given(logs(), points)
def test_a_state_has_all_that_was_flushed_and_of_the_rest_only_what_was_written(
    entries: tuple[Entry, ...], point: Point
) -> None:
    state = disk_of(extents(fates(entries, point)))
    flushed = max(
        (
            number - 1 if entry.changes else number
            for number, entry in enumerate(entries[: point.position], start=1)
            if entry.flush
        ),
        default=0,
    )
    durable: dict[int, int | None] = {}
    for entry in entries[:flushed]:
        durable |= written_by(entry)
    later = [entry for entry in entries[flushed : point.position] if entry.changes]
    for sector in range(DISK):
        allowed: list[object] = [durable.get(sector, "image")]
        for entry in later:
            if sector in (own := written_by(entry)):
                # Behind a write that is durable itself, what was there before cannot come back.
                allowed = [own[sector]] if entry.durable else [*allowed, own[sector]]
        assert state.get(sector, "image") in allowed


@given(logs(), points)
def test_the_same_name_is_always_the_same_state(entries: tuple[Entry, ...], point: Point) -> None:
    assert parse_point(point.name) == point
    assert fates(entries, point) == fates(entries, parse_point(point.name))


@given(logs(), points)
def test_only_torn_writes_are_torn(entries: tuple[Entry, ...], point: Point) -> None:
    for fate in fates(entries, point):
        whole = fate.sectors == (range(fate.entry.sectors),)
        assert whole or point.kind is Kind.TORN
        assert all(0 <= run.start < run.stop <= fate.entry.sectors for run in fate.sectors)


@given(logs())
def test_extents_are_in_order_and_do_not_overlap(entries: tuple[Entry, ...]) -> None:
    written = [entry for entry in entries if entry.changes]
    found = extents([Fate(entry=entry, sectors=(range(entry.sectors),)) for entry in written])
    assert all(extent.start < extent.end for extent in found)
    assert all(left.end <= right.start for left, right in pairwise(found))
    newest: dict[int, int | None] = {}
    for entry in written:
        newest |= written_by(entry)
    assert disk_of(found) == newest


ENTRIES = (write(0), FLUSH, write(1), write(2), write(3, durable=True), FLUSH, write(4))


@pytest.mark.parametrize(
    ("position", "flushed", "lost"), [(0, 0, []), (1, 0, [0]), (2, 2, []), (5, 2, [1, 2]), (7, 6, [4])]
)
def test_a_flush_covers_what_came_before_it(position: int, flushed: int, lost: list[int]) -> None:
    assert flushed_until(ENTRIES, position) == flushed
    assert [entry.sector for entry in open_writes(ENTRIES, position)] == lost


def reached(kind: Kind, position: int = 5, variant: int = 0) -> list[int]:
    return [fate.entry.sector for fate in fates(ENTRIES, Point(position=position, kind=kind, variant=variant))]


def test_each_kind_loses_what_it_says() -> None:
    assert reached(Kind.ALL) == [0, 1, 2, 3]
    assert reached(Kind.NONE) == [0, 3]
    assert reached(Kind.LAST) == [0, 2, 3]
    assert {tuple(reached(Kind.HOLE, variant=variant)) for variant in range(20)} == {(0, 1, 3), (0, 2, 3)}


def test_random_losses_come_to_every_subset() -> None:
    subsets = {tuple(reached(Kind.SOME, variant=variant)) for variant in range(100)}
    assert subsets == {(0, 3), (0, 1, 3), (0, 2, 3), (0, 1, 2, 3)}


def test_torn_writes_end_in_their_middle_or_have_holes() -> None:
    entries = (write(0, 8),)
    shapes = {
        fate.sectors
        for variant in range(100)
        for fate in fates(entries, Point(position=1, kind=Kind.TORN, variant=variant))
    }
    assert any(len(runs) == 1 and runs[0].start == 0 and 0 < runs[0].stop < 8 for runs in shapes)
    assert any(len(runs) > 1 for runs in shapes)


@pytest.mark.parametrize("name", ["", "12", "x-all-0", "12-melted-0", "12-all-0-0"])
def test_what_is_no_point_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="1204-torn-3"):
        parse_point(name)


def test_the_data_of_a_flush_are_not_covered_by_it() -> None:
    entries = (write(0), Entry(sector=1, sectors=1, data=0, flush=True))
    assert [entry.sector for entry in open_writes(entries, 2)] == [1]
