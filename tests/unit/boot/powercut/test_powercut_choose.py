from __future__ import annotations

from builder.boot.powercut.choose import choose
from builder.boot.powercut.medium import Kind, fates, open_writes

from .logs import FLUSH, write

ENTRIES = tuple(FLUSH if number % 7 == 6 else write(number) for number in range(700))
STARTS = (0, 100, 110, 600)


def test_points_spread_over_steps_and_kinds() -> None:
    points = choose(ENTRIES, STARTS, points=200, seed=1)
    assert len({point.name for point in points}) == 200
    assert {point.kind for point in points} == set(Kind)
    for start, end in ((0, 100), (100, 110), (110, 600), (600, 700)):
        assert any(start < point.position <= end for point in points)


def test_most_points_lie_where_most_can_be_lost() -> None:
    points = choose(ENTRIES, STARTS, points=200, seed=1)
    largest = [point for point in points if len(open_writes(ENTRIES, point.position)) == 6]
    assert len(largest) > 80
    assert any(not open_writes(ENTRIES, point.position) for point in points)


def test_more_points_are_the_same_ones_and_others() -> None:
    assert choose(ENTRIES, STARTS, points=200, seed=5)[:50] == choose(ENTRIES, STARTS, points=50, seed=5)
    assert choose(ENTRIES, STARTS, points=50, seed=5) != choose(ENTRIES, STARTS, points=50, seed=6)


def test_a_small_log_is_exhausted() -> None:
    entries = (write(0), FLUSH)
    points = choose(entries, (0,), points=1000, seed=1)
    states = {fates(entries, point) for point in points}
    assert len(points) < 100
    assert len(states) == 2


def test_an_empty_log_has_no_points() -> None:
    assert choose((), (0,), points=10, seed=1) == ()
