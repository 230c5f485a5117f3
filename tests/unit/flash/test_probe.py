"""Marks are spread over the whole card, and one lies at its very end."""

from __future__ import annotations

from random import Random

import pytest

from builder.flash.probe import MARK, places
from builder.units import GIB, MIB


@pytest.mark.parametrize("size", [8 * GIB, 8 * GIB + 512, 62_534_975_488, 64 * MIB, 1 * MIB])
def test_marks_are_spread_to_the_end(size: int) -> None:
    for seed in range(50):
        found = places(size, Random(seed))
        assert all(place % MARK == 0 and place + MARK <= size for place in found)
        assert 8 <= len(found) <= 17
        assert max(found) >= size - MIB - MARK
        assert {place // (size // 4) for place in found} >= set(range(4))


@pytest.mark.parametrize("real", [8 * MIB, GIB, 8 * GIB, 32 * GIB])
def test_on_a_card_that_begins_again_marks_lie_on_top_of_each_other(real: int) -> None:
    for seed in range(50):
        found = places(62_534_975_488, Random(seed))
        assert len({place % real for place in found}) < len(found)
