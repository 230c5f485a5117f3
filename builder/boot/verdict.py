"""Judge one report: only what the device says it has checked counts, and what it does not mention has failed. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from builder.boot.answer import CheckAnswer, GuestReport
from builder.boot.outcome import NoReport, Outcome
from builder.boot.subject import Firmware

_SETTLED = ("running", "degraded")


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """How one boot ended, everything that is wrong with it, and the evidence that a person needs."""

    outcome: Outcome
    problems: tuple[str, ...] = ()
    checks: tuple[CheckAnswer, ...] = ()
    """Every check that was carried out or should have been."""
    evidence: str = ""

    @property
    def passed(self) -> bool:
        """Whether nothing is wrong."""
        return self.outcome is Outcome.PASSED


def judge(
    report: GuestReport,
    *,
    expected: Sequence[str],
    firmware: Firmware,
    outside: Sequence[CheckAnswer] = (),
    console: str = "",
) -> Verdict:
    """The verdict on a boot that brought a report.

    Args:
        report: What the device said.
        expected: Names of the recipe's checks; each must be in the report.
        firmware: What the machine was started with.
        outside: Checks that were carried out from the host.
        console: The last lines of the serial console, for the evidence.
    """
    said = {check.name for check in report.checks}
    missing = [
        CheckAnswer(name=name, ok=False, detail="the report does not mention it")
        for name in expected
        if name not in said
    ]
    checks = (*report.checks, *missing, *outside)
    settled = report.system.state in _SETTLED
    problems = [f"check failed: {check.name}: {check.detail or 'no detail'}" for check in checks if not check.ok]
    problems += [f"unit failed: {unit.unit}" for unit in report.system.failed]
    if report.system.state == "degraded" and not report.system.failed:
        problems.append("systemd is degraded, and no unit is named")
    if not settled:
        problems.insert(0, f"systemd is {report.system.state}")
    if report.firmware is not firmware:
        problems.append(f"the device booted by {report.firmware}, not by {firmware}")
    if not problems:
        return Verdict(outcome=Outcome.PASSED, checks=checks)
    journals = [f"journal of {unit.unit}:\n{unit.journal.rstrip()}" for unit in report.system.failed if unit.journal]
    if not settled and report.system.jobs:
        journals.insert(0, f"systemd is still busy with:\n{report.system.jobs}")
    return Verdict(
        outcome=Outcome.CHECK_FAILED if settled else Outcome.NOT_SETTLED,
        problems=tuple(problems),
        checks=checks,
        evidence="\n\n".join([*journals, *([f"last lines of the console:\n{console}"] if console else [])]),
    )


def verdict_on_silence(silence: NoReport, *, expected: Sequence[str]) -> Verdict:
    """The verdict on a boot that brought no report: nothing was proved."""
    return Verdict(
        outcome=silence.outcome,
        problems=(str(silence).partition("\n")[0],),
        checks=tuple(CheckAnswer(name=name, ok=False, detail=f"not proved: {silence.outcome}") for name in expected),
        evidence=f"last lines of the console:\n{silence.evidence}" if silence.evidence else "",
    )
