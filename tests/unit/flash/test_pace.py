"""A card is slow beside others, never alone."""

from __future__ import annotations

import pytest

from builder.flash.pace import pace_of
from builder.flash.pulse import Phase
from builder.flash.result import Result


def test_a_card_is_measured_by_the_middle_of_the_others() -> None:
    rates = {"a": 10.0, "b": 30.0, "c": 30.0, "d": 90.0, "e": None}
    assert pace_of("a", rates) == pytest.approx(1 / 3)
    assert pace_of("d", rates) == pytest.approx(3)


def test_without_a_rate_of_its_own_or_enough_others_nobody_can_tell() -> None:
    assert pace_of("e", {"a": 10.0, "b": 30.0, "e": None}) is None
    assert pace_of("a", {"a": 1.0, "b": 30.0, "e": None}) is None
    assert pace_of("x", {"a": 1.0, "b": 30.0}) is None


@pytest.mark.parametrize(("pace", "slow"), [(None, False), (0.49, True), (0.9, False)])
def test_a_card_below_half_of_what_is_usual_is_slow(pace: float | None, slow: bool) -> None:
    assert Result(target="A1", attempt="1", phase=Phase.DONE, busy=Phase.SEALING, pace=pace).slow is slow
