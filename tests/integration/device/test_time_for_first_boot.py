"""No program of first boot runs beyond the time for all of it."""

from __future__ import annotations

import pytest
from device import commands
from device.errors import DeviceError


def test_a_program_is_ended_with_the_time_for_everything() -> None:
    with commands.within(0.2), pytest.raises(commands.OutOfTime):
        commands.run(("sleep", "3600"), why="sleep")


def test_a_program_that_is_slow_itself_is_another_matter() -> None:
    with commands.within(3600), pytest.raises(DeviceError) as caught:
        commands.run(("sleep", "3600"), why="sleep", timeout=0.2)
    assert not isinstance(caught.value, commands.OutOfTime)
