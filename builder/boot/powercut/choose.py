"""Which points to visit: spread over the steps of first boot, with most of them around flushes. Pure.

The points are one endless row for each seed, so that a run with more points visits those of a smaller one again.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice
from random import Random

from builder.boot.powercut.log import Entry
from builder.boot.powercut.medium import Kind, Point, flushed_until, later_fates

_TRIES = 300
"""Draws in a row that bring nothing new, after which there is nothing new."""


def choose(entries: Sequence[Entry], starts: Sequence[int], *, points: int, seed: int) -> tuple[Point, ...]:
    """Points that lead to different states of the medium; fewer when the log has no more to give.

    Args:
        entries: The log.
        starts: Where the steps begin, in order.
        points: How many are wanted.
        seed: Chooses among all choices.
    """
    return tuple(islice(_different(entries, starts, seed=seed), points))


def _different(entries: Sequence[Entry], starts: Sequence[int], *, seed: int) -> Iterator[Point]:
    seen: set[tuple[int, object]] = set()
    fruitless = 0
    for point in _row(entries, starts, seed=seed):
        state = _state(entries, point)
        if state not in seen:
            seen.add(state)
            fruitless = 0
            yield point
        elif (fruitless := fruitless + 1) > _TRIES:
            return


def _row(entries: Sequence[Entry], starts: Sequence[int], *, seed: int) -> Iterator[Point]:
    random = Random(seed)
    bands = [range(start, end) for start, end in zip(starts, (*starts[1:], len(entries)), strict=True) if start < end]
    weights = [len(band) ** 0.5 for band in bands]
    kinds = list(Kind)
    while bands:
        band = random.choices(bands, weights)[0]
        positions = [
            _next_flush(entries, random.choice(band)),
            _next_flush(entries, random.choice(band)) + 1,
            random.choice(band) + 1,
        ]
        # Before a flush the most can be lost; behind it nothing; in between it is as it happens.
        position = random.choices(positions, (5, 1, 4))[0]
        yield Point(position=min(position, len(entries)), kind=random.choice(kinds), variant=random.randrange(1000))


def _next_flush(entries: Sequence[Entry], position: int) -> int:
    """How many entries there are before the next flush."""
    while position < len(entries) and not entries[position].flush:
        position += 1
    return position


def _state(entries: Sequence[Entry], point: Point) -> tuple[int, object]:
    """What tells the medium's states apart: what is there for certain, and what else is."""
    certain = sum(entry.changes for entry in entries[: flushed_until(entries, point.position)])
    return certain, later_fates(entries, point)
