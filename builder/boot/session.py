"""One virtual device from power-on to power-off: put the question, wait for its answer, tell apart the ways of silence.

The nonce of a question must come back in the answer: only so is a report about this boot and not left from another.
"""

from __future__ import annotations

import secrets
import threading
import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from builder.boot.answer import Answer, FirstBootAnswer, GuestReport, Then, answer_to, is_greeting
from builder.boot.console import lost, plain, tail
from builder.boot.machine import MachineSpec
from builder.boot.outcome import NoReport, Outcome
from builder.boot.process import Qemu, running
from builder.boot.qmp import Closed, Event
from builder.errors import SatchelError
from builder.host.sandbox import Sandbox

_LAST_WORDS_S = 2.0

_ITS_SHARE = 0.8


class Cancelled(SatchelError):
    """Another part of the test ended, so this machine was switched off."""

    def __init__(self) -> None:
        super().__init__("the boot test was broken off")


class Session:
    """A running device, and what was learned of it."""

    def __init__(self, qemu: Qemu, *, cancelled: threading.Event) -> None:
        self.forwards = qemu.control.forwards()
        """The host's port for each port of the device that can be reached from outside."""
        self._qemu = qemu
        self._cancelled = cancelled
        self._somebody_listens = False
        self._question: object | None = None
        self._answers: deque[bytes] = deque()

    def console(self) -> str:
        """The last lines of the serial console."""
        return tail(self._qemu.console())

    def ask(self, then: Then, *, within: float) -> GuestReport:
        """Have the device report, and then stay, restart or switch off.

        Raises:
            NoReport: it did not; says in which way.
        """
        return self._ask({"then": then}, GuestReport, within=within)

    def ask_first_boot(self, *, within: float) -> FirstBootAnswer:
        """Have the device tell how first boot ended, as soon as it has; then it goes on starting.

        Raises:
            NoReport: it did not; says in which way.
        """
        return self._ask({"then": "stay", "about": "first boot"}, FirstBootAnswer, within=within)

    def _ask(self, question: dict[str, object], kind: type[Answer], *, within: float) -> Answer:
        nonce = secrets.token_hex(8)
        # The device gives up waiting for itself before we do, so that it can still say what it waits for.
        self._question = {**question, "nonce": nonce, "within": round(within * _ITS_SHARE)}
        if self._somebody_listens:
            self._put_question()
        until = time.monotonic() + within
        while time.monotonic() < until:
            self._listen()
            while self._answers:
                answer = self._answer(self._answers.popleft(), nonce, kind)
                if answer is not None:
                    self._question = None
                    return answer
            self._look_for_a_lost_boot()
        heard = "its agent was asked" if self._somebody_listens else "its agent never started"
        raise self._silence(Outcome.TIMEOUT, f"{within:.0f} s; {heard}")

    def write_console(self, text: str) -> None:
        """Type on the serial console."""
        self._qemu.write_console(text)

    def await_text(self, text: str, *, within: float) -> None:
        """Wait until the serial console has shown a text.

        Raises:
            NoReport: it does not.
        """
        until = time.monotonic() + within
        while time.monotonic() < until:
            self._listen()
            if text in plain(self._qemu.console()):
                return
            self._look_for_a_lost_boot()
        raise self._silence(Outcome.TIMEOUT, f"{within:.0f} s; the console never said {text!r}")

    def await_restart(self, *, within: float) -> None:
        """Wait until the device restarts.

        Raises:
            NoReport: it does not.
        """
        self._await("RESET", within)

    def await_poweroff(self, *, within: float) -> None:
        """Wait until the device has switched itself off.

        Raises:
            NoReport: it does not.
        """
        self._await("SHUTDOWN", within)
        if self._qemu.status(within) != 0:
            raise self._silence(Outcome.NO_POWEROFF, tail(self._qemu.errors(), 3) or "QEMU did not end well")

    def _listen(self) -> None:
        if self._cancelled.is_set():
            raise Cancelled
        self._qemu.listen()
        while self._qemu.answers:
            line = self._qemu.answers.popleft()
            if not is_greeting(line):
                self._answers.append(line)
                continue
            self._somebody_listens = True
            if self._question is not None:
                self._put_question()

    def _put_question(self) -> None:
        # A machine that is gone already is noticed with its reason by whoever waits.
        with suppress(Closed):
            self._qemu.agent.write(self._question)

    def _events(self) -> Iterator[Event]:
        """What happened to the guest. After a restart nobody listens until the agent greets again: a question that is
        put earlier would be swallowed by the UEFI firmware's own serial driver.
        """
        while self._qemu.control.events:
            event = self._qemu.control.events.popleft()
            if event.name == "RESET":
                self._somebody_listens = False
            yield event

    def _answer(self, line: bytes, nonce: str, kind: type[Answer]) -> Answer | None:
        try:
            return answer_to(nonce, line, kind)
        except ValueError as error:
            raise self._silence(Outcome.GARBLED, str(error)) from error

    def _await(self, name: str, within: float) -> None:
        until = time.monotonic() + within
        while time.monotonic() < until:
            self._listen()
            for event in self._events():
                if event.name == name and event.detail in {"guest-reset", "guest-shutdown"}:
                    return
                self._look_at(event)
            if self._qemu.exited():
                break
        raise self._silence(Outcome.NO_POWEROFF, f"no {name.lower()} within {within:.0f} s")

    def _look_for_a_lost_boot(self) -> None:
        for event in self._events():
            self._look_at(event)
        sign = lost(self._qemu.console())
        if sign is not None:
            raise self._silence(sign.outcome, sign.meaning)
        if self._qemu.exited():
            raise self._silence(Outcome.SILENT_POWEROFF, tail(self._qemu.errors(), 1) or "QEMU ended")

    def _look_at(self, event: Event) -> None:
        match event.name:
            case "GUEST_PANICKED":
                raise self._silence(Outcome.PANIC, "the kernel told the panic device")
            case "RESET":
                raise self._silence(Outcome.SILENT_REBOOT, event.detail)
            case "SHUTDOWN":
                raise self._silence(Outcome.SILENT_POWEROFF, event.detail)
            case "STOP":
                why = tail(self._qemu.errors(), 1000).partition("\n")[0] or "no reason given"
                raise self._silence(Outcome.STOPPED, why)
            case _:
                pass

    def _silence(self, outcome: Outcome, why: str) -> NoReport:
        # After a restart, waiting would only push the interesting lines out of sight.
        if outcome is not Outcome.SILENT_REBOOT:
            self._qemu.drain(_LAST_WORDS_S)
        if outcome in {Outcome.SILENT_REBOOT, Outcome.SILENT_POWEROFF}:
            sign = lost(self._qemu.console())
            if sign is not None:
                outcome, why = sign.outcome, sign.meaning
        return NoReport(outcome, why, evidence=self.console())


@contextmanager
def session(
    sandbox: Sandbox, spec: MachineSpec, *, logs: Path, cancelled: threading.Event, extra: tuple[str, ...] = ()
) -> Iterator[Session]:
    """Switch a device on; it is gone when the block ends.

    Args:
        sandbox: What `card.insert` made.
        spec: The machine.
        logs: Directory for `<name>.console.log` and `<name>.qemu.log`.
        cancelled: Set from elsewhere to end everything soon.
        extra: Further options of QEMU.

    Raises:
        CommandFailed: QEMU did not start.
        Cancelled: inside the block, when `cancelled` was set.
    """

    def command_line(control: int, agent: int) -> tuple[str, ...]:
        return (*spec.argv(control=control, agent=agent), *extra)

    console, errors = logs / f"{spec.name}.console.log", logs / f"{spec.name}.qemu.log"
    with running(sandbox, command_line, console=console, errors=errors, cables=spec.cables) as qemu:
        yield Session(qemu, cancelled=cancelled)
