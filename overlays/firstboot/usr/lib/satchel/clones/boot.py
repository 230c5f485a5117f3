"""What every boot does once first boot is done: compare machines, look for an open question, and act."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

from clones import afresh, change, fingerprint, fork, history, machine, policy, question, told
from clones.question import Answer
from clones.verdict import Comparison, Verdict, compare, merged
from device import files, keepsake
from device.commands import BASE_ENVIRONMENT
from device.errors import DeviceError
from firstboot import engine
from firstboot.device import Device
from firstboot.engine import Step
from firstboot.screen import Screen
from firstboot.steps import report

TWIN_MINUTES = 10
"""How long a boot waits for somebody to choose between twins. Then SSH opens, for those who are far away; Kolibri stays
closed."""
_EXTENSION_SECONDS = 600
_NOTIFY = "NOTIFY_SOCKET"
"""Set by systemd for its service; without it, nobody's process 1 is bothered."""
_DOING = {
    "fork": "keeping the learners and becoming a school of its own",
    "afresh": "keeping the old school aside and beginning afresh",
}


def finish(device: Device, screen: Screen) -> bool:
    """Finish a change that was decided, now or before a power cut. Returns whether there was one.

    Raises:
        StepFailed: it cannot be finished now.
    """
    wanted = change.load(device.paths)
    if wanted is None:
        return False
    screen.say(_DOING[wanted.what].capitalize() + " ...")
    keep_waiting(seconds=3600)
    run = {"fork": fork.run, "afresh": afresh.run}[wanted.what]

    def work(device: Device) -> dict[str, str]:
        run(device, wanted)
        return {}

    engine.attempt(Step(name=wanted.what, doing=_DOING[wanted.what], run=work), device)
    if os.environ.get(_NOTIFY):
        # The journal lies in a directory that is named by the machine id, and only that one is shown.
        restart = ("systemctl", "--no-block", "try-restart", "systemd-journald.service")
        subprocess.run(restart, env=BASE_ENVIRONMENT, check=False, timeout=120)
    return True


def look(device: Device, screen: Screen) -> bool:
    """Compare the machine with the one that the device knows. Returns whether a change was decided on.

    Raises:
        StepFailed: what must be done cannot be done.
    """
    return bool(engine.attempt(Step(name="machine", doing="", run=lambda _: _look(device, screen)), device))


def _look(device: Device, screen: Screen) -> dict[str, str]:
    paths = device.paths
    known = machine.load(paths) or machine.here(paths)
    now = fingerprint.read(paths, known.salt)
    found = compare(known.known, now, born_on=known.born_on)
    _count(device, found)
    twin = paths.twin.exists()
    if not twin and (found.verdict is not Verdict.ANOTHER or policy.of(device.settings) == "record"):
        _carry_on(device, known, replace(known, known=_adopted(known, now, found)), found, screen)
        return {}
    if not twin and policy.of(device.settings) == "fork":
        fork.require_room(device)
        change.begin(paths, "fork", why=_why(found), other_machine=True, facility=fork.own_facility(device))
        return {"begun": "fork"}
    answer = _answer(device, screen, _question(device, found, twin=twin), within=TWIN_MINUTES * 60 if twin else None)
    if answer is None:
        return {}
    begun = decide(device, answer, why=_why(found) if not twin else "a twin was near", found=found)
    return {"begun": begun} if begun else {}


def decide(device: Device, answer: Answer, *, why: str, found: Comparison) -> str | None:
    """Do what a person said, or decide on the change that does it. Returns which change.

    Raises:
        DeviceError: a fork has no room.
    """
    paths, other = device.paths, found.verdict is Verdict.ANOTHER
    match answer:
        case "moved":
            known = machine.load(paths) or machine.here(paths)
            now = machine.here(paths, known.salt)
            step = machine.step(known, now)
            past = history.load(paths).with_event("moved", id=step, why=why, other_machine=other, changed=found.changed)
            history.save(paths, past)
            machine.save(paths, now)
            paths.twin.unlink(missing_ok=True)
            files.sync_directory(paths.twin.parent)
            write_report(device)
            return None
        case "copied":
            fork.require_room(device)
            facility = fork.own_facility(device)
            return change.begin(paths, "fork", why=why, other_machine=other, facility=facility).what
        case "afresh":
            return change.begin(paths, "afresh", why=why, other_machine=other).what


def _count(device: Device, found: Comparison) -> None:
    """Count this boot, once however often it is looked at."""
    past = history.load(device.paths)
    boot_id = files.read(device.paths.at("/proc/sys/kernel/random/boot_id")) or ""
    boots = past.boots + (boot_id != past.boot_id or not boot_id)
    history.save(device.paths, replace(past, boots=boots, boot_id=boot_id, verdict=found.verdict))


def _adopted(known: machine.Machine, now: fingerprint.Fingerprint, found: Comparison) -> fingerprint.Fingerprint:
    """What is known from now on. Of another machine, nothing is kept of the one before."""
    return now if found.verdict in {Verdict.ANOTHER, Verdict.MOVED} else merged(known.known, now)


def _carry_on(
    device: Device, known: machine.Machine, adopted: machine.Machine, found: Comparison, screen: Screen
) -> None:
    """Write down what has changed, if anything has, and go on."""
    paths = device.paths
    if found.changed:
        what = "recorded" if found.verdict is Verdict.ANOTHER else str(found.verdict)
        other = found.verdict in {Verdict.ANOTHER, Verdict.MOVED}
        step = machine.step(known, adopted)
        past = history.load(paths).with_event(what, id=step, other_machine=other, changed=found.changed)
        history.save(paths, past)
        screen.say(f"{_why(found).capitalize()}; carrying on as {device.facts['code']}.")
    machine.save(paths, adopted)
    if found.changed:
        write_report(device)


def write_report(device: Device) -> None:
    """Write the report on the card again, with what is known now, and keep that with the data, too.

    Best effort: a full or missing card is no reason to stay closed.
    """
    try:
        report.run(device)
        keepsake.save(device.paths, device.settings, device.facts)
    except (OSError, DeviceError) as error:
        print(f"who this device is could not be written down: {error}", flush=True)


def _why(found: Comparison) -> str:
    changed = ", ".join(found.changed)
    match found.verdict:
        case Verdict.ANOTHER:
            return f"another machine (changed: {changed})"
        case Verdict.MOVED:
            return f"the same disk in another machine (changed: {changed})"
        case Verdict.REPAIRED:
            return f"the same machine with another {changed}"
        case _:
            return "the same machine"


def _question(device: Device, found: Comparison, *, twin: bool) -> str:
    heading = (
        told.twin(device.paths)
        if twin
        else f"This disk is in {_why(found)}. Was it moved, or is it a copy of one that is in use elsewhere?\n"
        "Two devices that say they are the same school spoil each other's records, so nothing is served yet."
    )
    return f"\n{heading}{question.TEXT.format(code=device.facts['code'], file=question.ANSWER_FILE)}\n"


def _answer(device: Device, screen: Screen, asked: str, *, within: float | None) -> Answer | None:
    """The answer from the card or from a console; a fork that finds no room is refused, and the question put again."""
    esp = device.paths.at(device.settings.esp) if device.settings.esp else None
    report.write_question(device, asked)
    given = question.written(esp) if esp else None
    answer = question.understood(given) if given is not None else None
    if given is not None:
        screen.say(
            f"{question.ANSWER_FILE} says {given.strip()!r}" + ("." if answer else ", which is none of the words.")
        )
    active, devices = device.paths.at("/sys/class/tty/console/active"), device.paths.at("/dev")
    with _unpainted(), question.consoles_of(active, devices) as consoles:
        while True:
            if answer is None:
                answer = question.ask(asked, screen, consoles, within=within, waiting=keep_waiting)
            if answer != "copied":
                return answer
            try:
                fork.require_room(device)
            except DeviceError as error:
                screen.say(f"This cannot be done: {error.reason}.\n{error.advice}")
                answer = None
            else:
                return answer


@contextmanager
def _unpainted() -> Iterator[None]:
    """Keep systemd from painting its waiting over the question and what is typed (systemd(1), signals)."""
    if os.environ.get(_NOTIFY):
        os.kill(1, signal.SIGRTMIN + 21)
    try:
        yield
    finally:
        if os.environ.get(_NOTIFY):
            os.kill(1, signal.SIGRTMIN + 20)


def take_answer_off(device: Device) -> None:
    """Once nothing is open any more, an answer on the card must not answer the question of another day."""
    esp = device.settings.esp
    if esp and not device.paths.twin.exists() and not device.paths.change.exists():
        question.forget(device.paths.at(esp))


def keep_waiting(seconds: int = _EXTENSION_SECONDS) -> None:
    """Tell systemd that this is not a hang (sd_notify(3))."""
    where = os.environ.get(_NOTIFY)
    if not where:
        return
    address = "\0" + where[1:] if where.startswith("@") else where
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as notices:
        notices.sendto(f"EXTEND_TIMEOUT_USEC={seconds * 1_000_000}".encode(), address)
