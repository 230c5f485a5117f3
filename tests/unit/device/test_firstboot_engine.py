from __future__ import annotations

import os
import re
import stat
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from device import commands, files
from device.errors import DeviceError
from device.paths import Paths
from device.settings import Settings
from firstboot import engine
from firstboot.device import Device
from firstboot.engine import Step, StepFailed
from firstboot.journal import Facts, Journal
from firstboot.screen import Screen

from .conftest import LIBRARY

SETTINGS = Settings(
    recipe="r",
    hostname="h",
    facility=None,
    kolibri=None,
    secrets=(),
    tls=None,
    console_users=(),
    minutes=30,
    on_new_machine="record",
    grow=None,
    esp=None,
    keep=None,
    mounts=(),
)


class PowerCut(BaseException):
    """Ends everything at once, as no exception handler can hold it."""


@pytest.fixture
def device(tmp_path: Path) -> Device:
    return Device(paths=Paths(root=tmp_path), settings=SETTINGS)


@pytest.fixture
def screen(tmp_path: Path) -> Screen:
    return Screen(active=tmp_path / "active", devices=tmp_path)


def run(steps: list[Step], device: Device, screen: Screen) -> bool:
    return engine.run(steps, device, Journal(device.paths.journal), screen)


def step(name: str, work: Callable[[Device], Facts]) -> Step:
    return Step(name=name, doing=f"doing {name}", run=work)


def test_a_done_step_is_not_run_again_and_its_facts_remain(device: Device, screen: Screen) -> None:
    runs: list[str] = []

    def first(_: Device) -> Facts:
        runs.append("first")
        return {"code": "K7"}

    def second(later: Device) -> Facts:
        runs.append("second")
        return {"hostname": f"host-{later.facts['code']}"}

    steps = [step("first", first), step("second", second)]
    assert run(steps, device, screen)
    again = Device(paths=device.paths, settings=SETTINGS)
    assert not run(steps, again, screen)
    assert runs == ["first", "second"]
    assert again.facts == {"code": "K7", "hostname": "host-K7"}


def test_a_power_cut_between_work_and_mark_repeats_the_step(
    device: Device, screen: Screen, monkeypatch: pytest.MonkeyPatch
) -> None:
    runs: list[int] = []

    def work(_: Device) -> Facts:
        runs.append(1)
        return {"try": str(len(runs))}

    def cut(*_args: object) -> None:
        raise PowerCut

    with monkeypatch.context() as patch:
        patch.setattr(Journal, "mark", cut)
        with pytest.raises(PowerCut):
            run([step("only", work)], device, screen)
    assert Journal(device.paths.journal).facts("only") is None
    run([step("only", work)], device, screen)
    assert device.facts == {"try": "2"}


@pytest.mark.parametrize("moment", ["fsync", "rename"])
def test_a_power_cut_while_marking_leaves_no_half_mark(
    device: Device, screen: Screen, monkeypatch: pytest.MonkeyPatch, moment: str
) -> None:
    def cut(*_args: object) -> None:
        raise PowerCut

    with monkeypatch.context() as patch:
        patch.setattr(f"os.{moment}" if moment == "fsync" else "pathlib.Path.rename", cut)
        with pytest.raises(PowerCut):
            run([step("only", lambda _: {"a": "1"})], device, screen)
    assert Journal(device.paths.journal).facts("only") is None
    assert run([step("only", lambda _: {"a": "2"})], device, screen)
    assert Journal(device.paths.journal).facts("only") == {"a": "2"}


@pytest.mark.parametrize("text", ["", "\0\0\0\0", "{}", "[]", '{"step": "other", "facts": {}}', '{"step": "only"'])
def test_a_damaged_mark_is_no_mark(device: Device, text: str) -> None:
    files.write(device.paths.journal / "only.json", text)
    assert Journal(device.paths.journal).facts("only") is None


@pytest.mark.parametrize("error", [DeviceError("it broke", advice="mend it"), OSError(28, "No space left on device")])
def test_a_failure_stops_everything_after_it(device: Device, screen: Screen, error: Exception) -> None:
    def fail(_: Device) -> Facts:
        raise error

    def never(_: Device) -> Facts:
        pytest.fail("a step ran after one that failed")

    with pytest.raises(StepFailed) as caught:
        run([step("good", lambda _: {}), step("bad", fail), step("next", never)], device, screen)
    assert caught.value.step == "bad"
    assert caught.value.advice
    assert Journal(device.paths.journal).facts("good") == {}
    assert Journal(device.paths.journal).facts("bad") is None


def test_every_console_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "active").write_text("tty0 ttyS0 missing\n")
    for name in ("tty0", "ttyS0"):
        (tmp_path / name).touch()
    Screen(active=tmp_path / "active", devices=tmp_path).say("one\ntwo")
    assert (tmp_path / "tty0").read_bytes() == (tmp_path / "ttyS0").read_bytes() == b"one\r\ntwo\r\n"
    assert capsys.readouterr().out == "one\ntwo\n"


def test_a_secret_is_never_readable_by_others(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    modes: list[int] = []
    fchmod = os.fchmod

    def watched(descriptor: int, mode: int) -> None:
        modes.append(stat.S_IMODE(os.fstat(descriptor).st_mode))
        fchmod(descriptor, mode)

    monkeypatch.setattr(os, "fchmod", watched)
    files.write(tmp_path / "secret", "x", mode=0o600)
    assert modes == [0o600]


def test_modes_do_not_depend_on_the_umask(tmp_path: Path) -> None:
    before = os.umask(0o077)
    try:
        files.write(tmp_path / "public", "x")
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "public").stat().st_mode) == 0o644


def test_when_the_time_is_over_no_step_is_begun_and_the_next_start_goes_on(device: Device, screen: Screen) -> None:
    tried: list[str] = []

    def work(_: Device) -> Facts:
        tried.append("work")
        return {}

    hasty = replace(device, settings=replace(device.settings, minutes=0))
    with pytest.raises(engine.StepFailed) as caught:
        run([step("first", work)], hasty, screen)
    assert tried == []
    assert "may take 0 minutes" in caught.value.reason
    assert "goes on where it stopped" in caught.value.advice
    with pytest.raises(commands.OutOfTime), commands.within(0):
        commands.run(("true",), why="do nothing")
    assert run([step("first", work)], device, screen)
    assert tried == ["work"]


@pytest.mark.parametrize("package", ["device", "firstboot", "seed"])
def test_nothing_asks_the_clock_on_the_wall(package: str) -> None:
    """It may start in 1970 and jump later; only the other clock measures time."""
    asking = re.compile(r"time\.time\(|\.now\(|\.today\(|utcnow|time_ns|CLOCK_REALTIME")
    modules = sorted((LIBRARY / package).rglob("*.py"))
    assert modules
    assert [path.name for path in modules if asking.search(path.read_text())] == []


def test_the_report_hears_how_far_it_came(device: Device, screen: Screen) -> None:
    heard: list[str] = []
    steps = [step("first", lambda _: {}), step("second", lambda _: {})]
    engine.run(steps, device, Journal(device.paths.journal), screen, heard.append)
    assert [words.partition(":")[0] for words in heard] == ["step 1 of 2", "step 2 of 2"]


def test_what_a_step_says_cannot_paint_the_screen(device: Device, screen: Screen) -> None:
    def fail(_: Device) -> Facts:
        raise DeviceError("\x1b[2Jgone\r\u202e" + "x" * 9999 + "\nline" * 500, advice="none\x07")

    with pytest.raises(engine.StepFailed) as caught:
        run([step("first", fail)], device, screen)
    assert all(line.isprintable() for line in caught.value.reason.splitlines())
    assert caught.value.advice == "none?"
    assert len(caught.value.reason) < 1000
