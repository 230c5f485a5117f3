from __future__ import annotations

from typing import Any

import pytest

from builder.boot.answer import CheckAnswer
from builder.boot.outcome import NoReport, Outcome
from builder.boot.subject import Firmware
from builder.boot.verdict import Verdict, judge, verdict_on_silence

from .boot_reports import Report


def verdict(report: Any, **facts: Any) -> Verdict:
    return judge(report, **{"expected": ("Kolibri listens",), "firmware": Firmware.UEFI, **facts})


def test_a_report_with_everything_passes(report: Report) -> None:
    assert verdict(report()).passed
    assert verdict(report()).problems == ()


def test_a_failed_check_fails(report: Report) -> None:
    found = verdict(report(checks=[{"name": "Kolibri listens", "ok": False, "detail": "port 8080 is closed"}]))
    assert found.outcome is Outcome.CHECK_FAILED
    assert found.problems == ("check failed: Kolibri listens: port 8080 is closed",)


def test_a_check_that_the_report_does_not_mention_fails(report: Report) -> None:
    found = verdict(report(checks=[]))
    assert found.outcome is Outcome.CHECK_FAILED
    assert [(check.name, check.ok) for check in found.checks] == [("Kolibri listens", False)]


def test_a_check_that_nobody_expected_must_hold_too(report: Report) -> None:
    checks = [{"name": "Kolibri listens", "ok": True}, {"name": "the checks can be read", "ok": False, "detail": "x"}]
    assert verdict(report(checks=checks)).outcome is Outcome.CHECK_FAILED


def test_a_check_from_outside_counts(report: Report) -> None:
    outside = (CheckAnswer(name="from outside", ok=False, detail="no answer"),)
    assert verdict(report(), outside=outside).outcome is Outcome.CHECK_FAILED


def test_a_failed_unit_fails_and_its_journal_is_evidence(report: Report) -> None:
    system = {"state": "degraded", "failed": [{"unit": "kolibri.service", "journal": "no such table"}]}
    found = verdict(report(system=system), console="login:")
    assert found.outcome is Outcome.CHECK_FAILED
    assert found.problems == ("unit failed: kolibri.service",)
    assert "no such table" in found.evidence
    assert "login:" in found.evidence


def test_degraded_without_a_unit_still_fails(report: Report) -> None:
    assert verdict(report(system={"state": "degraded"})).outcome is Outcome.CHECK_FAILED


@pytest.mark.parametrize("state", ["starting", "initializing", "maintenance", "offline", ""])
def test_a_system_that_did_not_settle_is_told_apart(state: str, report: Report) -> None:
    found = verdict(report(system={"state": state, "jobs": "7 kolibri.service start running"}))
    assert found.outcome is Outcome.NOT_SETTLED
    assert "kolibri.service start running" in found.evidence


def test_the_other_firmware_is_no_proof(report: Report) -> None:
    found = verdict(report(), firmware=Firmware.BIOS)
    assert found.problems == ("the device booted by uefi, not by bios",)


def test_silence_proves_no_check() -> None:
    found = verdict_on_silence(NoReport(Outcome.PANIC, "the kernel panicked", evidence="VFS: x"), expected=("one",))
    assert found.outcome is Outcome.PANIC
    assert [(check.name, check.ok) for check in found.checks] == [("one", False)]
    assert "VFS: x" in found.evidence
    assert "the kernel panicked" in found.problems[0]
