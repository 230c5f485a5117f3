from __future__ import annotations

import json
from xml.etree import ElementTree as ET

import pytest

from builder.boot.accelerator import Accelerator
from builder.boot.answer import GuestReport
from builder.boot.claims import compare_clones
from builder.boot.junit import to_junit
from builder.boot.machine import Acceleration
from builder.boot.outcome import NoReport, Outcome
from builder.boot.report import to_dict, to_text
from builder.boot.result import Boot, BootTestResult, Comparison
from builder.boot.subject import Firmware
from builder.boot.verdict import judge, verdict_on_silence

from .boot_reports import Report


@pytest.fixture
def good(report: Report, other: GuestReport) -> BootTestResult:
    verdict = judge(report(), expected=(), firmware=Firmware.UEFI)
    claims = compare_clones(report(), other, kolibri=True, disk_ids={})
    return BootTestResult(
        recipe="kolibri-pc",
        image="kolibri-pc.img",
        accelerator=Accelerator(kind=Acceleration.TCG, reason="no KVM: there is no /dev/kvm"),
        boots=(
            Boot(machine="A", name="first boot", firmware=Firmware.UEFI, seconds=61, verdict=verdict, report=report()),
        ),
        comparisons=(Comparison(name="clones differ", columns=("machine A", "machine B"), claims=claims),),
        logs=("A.console.log",),
        seconds=70,
    )


@pytest.fixture
def bad(good: BootTestResult, report: Report) -> BootTestResult:
    silence = NoReport(Outcome.PANIC, "the kernel panicked", evidence="\x1b[1mKernel panic <&>")
    verdict = verdict_on_silence(silence, expected=("Kolibri listens",))
    boot = Boot(machine="B", name="first boot", firmware=Firmware.BIOS, seconds=9, verdict=verdict)
    same = Comparison(
        name="clones differ", columns=("a", "b"), claims=compare_clones(report(), report(), kolibri=True, disk_ids={})
    )
    missing = Comparison(name="a restart changes nothing", columns=("a", "b"), missing="no report")
    return BootTestResult(
        recipe=good.recipe,
        image=good.image,
        accelerator=good.accelerator,
        boots=(*good.boots, boot),
        comparisons=(same, missing),
        logs=good.logs,
        seconds=70,
    )


def test_everything_must_pass(good: BootTestResult, bad: BootTestResult) -> None:
    assert good.passed
    assert not bad.passed


def test_nothing_proved_is_not_passed(good: BootTestResult) -> None:
    assert not Comparison(name="x", columns=("a", "b")).passed
    nothing = BootTestResult(
        recipe="x", image="x", accelerator=good.accelerator, boots=(), comparisons=(), logs=(), seconds=0
    )
    assert not nothing.passed


def test_junit_counts_and_is_well_formed(bad: BootTestResult) -> None:
    suite = ET.fromstring(to_junit(bad))[0]
    cases = suite.findall("testcase")
    failures = suite.findall("testcase/failure")
    assert suite.get("tests") == str(len(cases))
    assert suite.get("failures") == str(len(failures))
    assert "panic" in {failure.get("type") for failure in failures}
    assert any("Kernel panic <&>" in (failure.text or "") for failure in failures)
    assert {"a restart changes nothing", "Kolibri listens", "machine_id"} <= {case.get("name") for case in cases}


def test_junit_of_a_good_run_has_no_failure(good: BootTestResult) -> None:
    suite = ET.fromstring(to_junit(good))[0]
    assert suite.get("failures") == "0"
    assert suite.findall("testcase/failure") == []


def test_text_shows_the_clones_side_by_side(good: BootTestResult) -> None:
    text = to_text(good)
    row = next(line for line in text.splitlines() if "facility_id" in line)
    assert row.split() == ["facility_id", "f1", "f2", "ok"]
    assert "under tcg (no KVM: there is no /dev/kvm)" in text


def test_text_of_a_bad_run_says_what_failed(bad: BootTestResult) -> None:
    text = to_text(bad)
    assert "FAILED" in text
    assert "BOTH CLONES HAVE THE SAME" in text
    assert "a restart changes nothing: not proved, no report" in text


def test_dictionary_is_json(bad: BootTestResult) -> None:
    told = json.loads(json.dumps(to_dict(bad)))
    assert told["passed"] is False
    assert told["boots"][1]["outcome"] == "panic"
