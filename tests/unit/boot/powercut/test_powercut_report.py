from __future__ import annotations

import json
from pathlib import Path

from builder.boot.powercut.campaign import Campaign
from builder.boot.powercut.judgement import Fault, Outcome
from builder.boot.powercut.log import Log
from builder.boot.powercut.medium import Kind
from builder.boot.powercut.recording import Band
from builder.boot.powercut.report import keep, to_dict, to_text
from builder.boot.powercut.results import Visit

from .logs import FLUSH, write
from .test_powercut_judgement import RECORDING, WHOLE

BANDS = (Band(start=0, label="starting"), Band(start=2, label="making <keys>"))
LOG = Log(path=Path("writes.log"), entries=(write(0), FLUSH, write(1), FLUSH))


def visit(name: str, step: str, *faults: Fault, kind: Kind = Kind.ALL) -> Visit:
    return Visit(
        name=name,
        position=int(name.partition("-")[0]),
        flushed=0,
        kind=kind,
        step=step,
        started="direct",
        faults=faults,
        identity=WHOLE,
        console="the last words" if faults else "",
        seconds=30,
    )


def campaign(*visits: Visit) -> Campaign:
    recording = RECORDING.model_copy(update={"entries": 4, "bands": BANDS})
    return Campaign(image="an.img", recording=recording, log=LOG, visits=visits)


def test_a_point_belongs_to_the_step_that_wrote_last() -> None:
    bands = (Band(start=0, label="a"), Band(start=7, label="wrote nothing"), Band(start=7, label="b"))
    recording = RECORDING.model_copy(update={"bands": bands})
    assert [recording.band_at(position).label for position in (0, 1, 7, 8)] == ["a", "a", "a", "b"]


GOOD = visit("1-all-0", "starting")
BAD = visit("3-torn-7", "making <keys>", Fault(outcome=Outcome.LEFTOVER, text="/etc/<x> is left"), kind=Kind.TORN)


def test_the_tables_count_points_by_step_and_by_kind() -> None:
    lines = [line.split() for line in to_text(campaign(GOOD, BAD)).splitlines()]
    assert ["starting", "1", "-"] in lines
    assert ["making", "<keys>", "-", "1"] in lines
    assert ["torn", "-", "1"] in lines
    assert "1 of 2 points are ok" in to_text(campaign(GOOD, BAD))


def test_a_failing_point_is_shown_with_what_is_known() -> None:
    text = to_text(campaign(GOOD, BAD))
    assert "3-torn-7: leftover" in text
    assert "! /etc/<x> is left" in text
    assert "| the last words" in text


def test_only_points_that_were_all_good_pass() -> None:
    assert campaign(GOOD).passed
    assert not campaign(GOOD, BAD).passed
    assert not campaign().passed
    assert to_dict(campaign(GOOD, BAD))["outcomes"]["leftover"] == 1  # type: ignore[index]


def test_the_picture_has_every_point_in_its_place_and_nothing_of_the_device_becomes_markup(tmp_path: Path) -> None:
    keep(campaign(GOOD, BAD), tmp_path)
    page = (tmp_path / "power-cuts.html").read_text()
    assert page.count("<circle") == len(Outcome) + 2
    assert page.count('<line class="flush"') == 2
    assert "<title>3-torn-7: leftover" in page
    assert "<keys>" not in page
    assert "<x>" not in page
    assert json.loads((tmp_path / "power-cuts.json").read_text())["points"] == 2
