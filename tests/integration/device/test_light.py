"""What the light of a board shows, with files in the place of the kernel's."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

PROGRAM = Path(__file__).resolve().parents[3] / "overlays/pi/usr/lib/satchel/bin/satchel-light"


def show(what: str, leds: Path) -> int:
    return subprocess.run(("sh", PROGRAM, what), env={**os.environ, "SATCHEL_LEDS": str(leds)}, check=False).returncode


@pytest.mark.parametrize("name", ["ACT", "led0", "green:activity"])
@pytest.mark.parametrize(("what", "trigger"), [("working", "heartbeat"), ("ready", "mmc0"), ("failed", "timer")])
def test_the_light_of_the_board_shows_it_and_no_other(tmp_path: Path, name: str, what: str, trigger: str) -> None:
    for led in (name, "PWR"):
        (tmp_path / led).mkdir()
        (tmp_path / led / "trigger").write_text("none")
    assert show(what, tmp_path) == 0
    assert (tmp_path / name / "trigger").read_text() == f"{trigger}\n"
    assert (tmp_path / "PWR/trigger").read_text() == "none"
    assert (tmp_path / name / "delay_on").exists() == (what == "failed")


def test_a_computer_without_such_a_light_is_fine(tmp_path: Path) -> None:
    assert show("ready", tmp_path) == 0
    assert show("happy", tmp_path) == 2
