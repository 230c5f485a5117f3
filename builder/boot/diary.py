"""One machine's boots, done one after the other and written down with their verdicts."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from threading import Event
from typing import Final

from builder.boot import outside
from builder.boot.accelerator import Accelerator
from builder.boot.answer import CheckAnswer, GuestReport, Then
from builder.boot.machine import MachineSpec
from builder.boot.outcome import NoReport, Outcome
from builder.boot.result import Boot
from builder.boot.session import Session
from builder.boot.subject import Subject
from builder.boot.verdict import Verdict, judge, verdict_on_silence
from builder.host.tools import Tools
from builder.progress import Reporter

FIRST_BOOT: Final = "first boot"
RESTART: Final = "restart"
POWER_OFF: Final = "power-off"


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """How long to wait, in seconds."""

    first_boot: float
    restart: float
    poweroff: float
    outside: float

    @classmethod
    def with_accelerator(cls, accelerator: Accelerator) -> Patience:
        """Enough for a slow day, under what runs the guests."""
        times = accelerator.slowness
        return cls(first_boot=180 * times, restart=150 * times, poweroff=60 * times, outside=20 * times)


@dataclass(frozen=True, slots=True, kw_only=True)
class Bench:
    """What a boot test works with."""

    tools: Tools
    accelerator: Accelerator
    patience: Patience
    scratch: Path
    """A directory for cards; on a file system with some GiB free."""
    logs: Path
    """Where the serial logs stay."""
    reporter: Reporter
    cancelled: Event


class Diary:
    """The boots of one machine, as they happen."""

    def __init__(self, spec: MachineSpec, subject: Subject, bench: Bench, device: Session) -> None:
        self.boots: list[Boot] = []
        self._spec = spec
        self._subject = subject
        self._bench = bench
        self._device = device
        self._expected = tuple(check.name for check in subject.checks)

    def first_boot(self, then: Then) -> bool:
        """Wait for the first report; the larger part of the proof."""

        def work() -> tuple[GuestReport, Verdict]:
            report = self._device.ask(then, within=self._bench.patience.first_boot)
            if then != "stay":
                return report, self._judge(report)
            found = outside.ask(
                (*self._subject.checks, *self._subject.channels),
                self._device.forwards,
                within=self._bench.patience.outside,
            )
            return report, self._judge(report, found)

        return self._write(FIRST_BOOT, work, expected=self._expected)

    def restart(self, then: Then) -> bool:
        """Restart, and wait for the second report."""

        def work() -> tuple[GuestReport, Verdict]:
            patience = self._bench.patience
            self._device.ask("reboot", within=patience.restart)
            self._device.await_restart(within=patience.poweroff)
            report = self._device.ask(then, within=patience.restart)
            return report, self._judge(report)

        return self._write(RESTART, work, expected=self._expected)

    def poweroff(self) -> bool:
        """Wait until it is off, as it was asked to be."""

        def work() -> tuple[None, Verdict]:
            self._device.await_poweroff(within=self._bench.patience.poweroff)
            return None, Verdict(outcome=Outcome.PASSED)

        return self._write(POWER_OFF, work, expected=())

    def _judge(self, report: GuestReport, outside_checks: tuple[CheckAnswer, ...] = ()) -> Verdict:
        return judge(
            report,
            expected=self._expected,
            firmware=self._spec.firmware,
            outside=outside_checks,
            console=self._device.console(),
        )

    def _write(
        self, name: str, work: Callable[[], tuple[GuestReport | None, Verdict]], *, expected: Sequence[str]
    ) -> bool:
        """Do it and keep what came of it; whether the machine can go on."""
        started = time.monotonic()
        report: GuestReport | None = None
        alive = True
        detail = f"{self._spec.firmware}, {self._spec.bus}"
        try:
            with self._bench.reporter.step(f"machine {self._spec.name}: {name}", detail=detail):
                report, verdict = work()
        except NoReport as silence:
            verdict = verdict_on_silence(silence, expected=expected)
            alive = False
        for problem in verdict.problems:
            self._bench.reporter.note(f"machine {self._spec.name}: {name}: {problem}")
        self.boots.append(
            Boot(
                machine=self._spec.name,
                name=name,
                firmware=self._spec.firmware,
                seconds=time.monotonic() - started,
                verdict=verdict,
                report=report,
            )
        )
        return alive
