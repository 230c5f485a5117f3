"""How one boot can end, and the failure of those that bring no report. Pure."""

from __future__ import annotations

from enum import StrEnum
from typing import Final

from builder.errors import BootTestFailed


class Outcome(StrEnum):
    """The class of a boot's end. Only a report of the device itself can make it `passed`."""

    PASSED = "passed"
    CHECK_FAILED = "check-failed"
    NOT_SETTLED = "not-settled"
    UNBOOTABLE = "unbootable"
    PANIC = "panic"
    TIMEOUT = "timeout"
    SILENT_POWEROFF = "silent-poweroff"
    SILENT_REBOOT = "silent-reboot"
    NO_POWEROFF = "no-poweroff"
    STOPPED = "stopped"
    STALLED = "stalled"
    GARBLED = "garbled"


MEANINGS: Final = {
    Outcome.PASSED: "every check holds",
    Outcome.CHECK_FAILED: "the device reported that something is wrong",
    Outcome.NOT_SETTLED: "the device reported before systemd had finished starting",
    Outcome.UNBOOTABLE: "the firmware or the boot loader found nothing to start",
    Outcome.PANIC: "the boot broke off",
    Outcome.TIMEOUT: "no report came in time",
    Outcome.SILENT_POWEROFF: "the machine switched itself off without a report",
    Outcome.SILENT_REBOOT: "the machine restarted without a report",
    Outcome.NO_POWEROFF: "the machine did not switch off or restart when it was asked to",
    Outcome.STOPPED: "the accelerator gave up on the virtual machine",
    Outcome.STALLED: "a part of the machine was lost, which is a fault of the emulator and not of the image",
    Outcome.GARBLED: "the answer of the device is not a report",
}


class NoReport(BootTestFailed):
    """A boot without the report that it should have brought."""

    def __init__(self, outcome: Outcome, why: str, *, evidence: str) -> None:
        self.outcome = outcome
        self.why = why
        self.evidence = evidence
        super().__init__(f"{outcome}: {MEANINGS[outcome]} ({why})", details=evidence)
