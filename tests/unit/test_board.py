"""Many things at once on a board: for people at a terminal, for logs, for programs."""

from __future__ import annotations

import io
import json
from types import SimpleNamespace
from typing import Any

import pytest

from builder import progress
from builder.progress import BarReporter, reporter_for


class Clock:
    """Time that passes when it is told to."""

    def __init__(self) -> None:
        self.now = 1000.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    monkeypatch.setattr(progress, "time", SimpleNamespace(monotonic=made.monotonic))
    return made


def lines(stream: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_json_lines_say_where_each_is_how_fast_and_how_long_it_will_take(clock: Clock) -> None:
    with reporter_for("json", stream := io.StringIO()).board(["A1"]) as board:
        board.show("A1", "writing", done=0, total=1000, slot="A1")
        clock.now += 2
        board.show("A1", "writing", done=400, total=1000, slot="A1")
    first, second = lines(stream)
    assert (first["event"], first["name"], first["slot"], first["phase"]) == ("card", "A1", "A1", "writing")
    assert (second["done"], second["total"]) == (400, 1000)
    assert (first["rate"], first["eta_s"]) == (None, None), "nobody can know yet"
    assert (second["rate"], second["eta_s"]) == (200, 3.0)


def test_a_rate_is_that_of_its_phase(clock: Clock) -> None:
    with reporter_for("json", stream := io.StringIO()).board(["A1"]) as board:
        board.show("A1", "writing", done=0, total=1000)
        clock.now += 100
        board.show("A1", "verifying", done=0, total=1000)
        clock.now += 1
        board.show("A1", "verifying", done=500, total=1000)
    assert [(line["phase"], line["rate"]) for line in lines(stream)] == [
        *(("writing", None), ("verifying", None)),
        ("verifying", 500),
    ]


def test_programs_are_told_of_each_change_at_once_and_of_amounts_twice_a_second(clock: Clock) -> None:
    with reporter_for("json", stream := io.StringIO()).board(["A1", "A2"]) as board:
        for step in range(11):
            board.show("A1", "writing", done=step, total=100)
            board.show("A2", "probing" if step < 3 else "writing", done=step)
            clock.now += 0.125
    told = [(line["name"], line["phase"], line["done"]) for line in lines(stream)]
    assert [each for each in told if each[0] == "A1"] == [("A1", "writing", step) for step in (0, 4, 8)]
    assert [each for each in told if each[0] == "A2"] == [
        *(("A2", "probing", 0), ("A2", "writing", 3)),
        ("A2", "writing", 7),
    ]


def test_an_end_bears_its_facts_for_programs() -> None:
    with reporter_for("json", stream := io.StringIO()).board(["A1"]) as board:
        board.tell("A1", "it broke", ok=False, slot="A1", code="AAAA-1111", result="failed")
    (line,) = lines(stream)
    assert (line["event"], line["name"], line["text"], line["ok"]) == ("ended", "A1", "it broke", False)
    assert (line["slot"], line["code"], line["result"]) == ("A1", "AAAA-1111", "failed")


def test_a_log_tells_only_how_things_end() -> None:
    with reporter_for("plain", stream := io.StringIO()).board(["A1", "A2"]) as board:
        board.show("A1", "writing", done=5, total=10)
        board.tell("A1", "done in 5 s", ok=True, code="AAAA-1111")
        board.tell("A2", "it broke", ok=False)
    assert [line.strip() for line in stream.getvalue().splitlines()] == ["A1: done in 5 s", "FAILED  A2: it broke"]


def test_a_terminal_has_a_bar_for_each_and_rings_when_one_has_ended() -> None:
    stream = io.StringIO()
    with BarReporter(stream).board(["A1", "A2"]) as board:
        board.show("A1", "writing", done=1024, total=2048)
        board.show("A2", "put a card in")
        board.show("A1", "verifying", done=0, total=4096)
        before = stream.getvalue()
        board.tell("A1", "done in 5 s", ok=True)
        board.tell("A2", "it broke", ok=False)
        after = stream.getvalue().removeprefix(before)
    assert "A1  writing:  50%" in before
    assert "1.00k/2.00k" in before
    assert "A2  put a card in" in before
    assert "put a card in:" not in before, "nothing to count, no bar"
    assert "A1  verifying:   0%" in before, "another phase begins at nothing"
    assert "\a" not in before
    assert "A1: done in 5 s\n" in after
    assert "FAILED  A2: it broke\n" in after
    assert after.count("\a") == 4, "one for what is done, three for what is not"


def test_a_board_can_be_silent() -> None:
    with reporter_for("none", stream := io.StringIO()).board(["A1"]) as board:
        board.show("A1", "writing")
        board.tell("A1", "done", ok=True)
    assert stream.getvalue() == ""


def test_others_may_join_while_it_goes_on() -> None:
    with BarReporter(stream := io.StringIO()).board(()) as board:
        board.show("10.0.0.2", "41.3 MiB, 212 files")
        board.show("10.0.0.3", "1.0 MiB, 3 files")
        board.show("10.0.0.2", "41.4 MiB, 213 files")
    for line in ("10.0.0.2  41.3 MiB, 212 files", "10.0.0.3  1.0 MiB, 3 files", "10.0.0.2  41.4 MiB, 213 files"):
        assert line in stream.getvalue()
