"""Runs the steps that are not done, in order, and stops at the first that fails."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from device import commands, words
from device.commands import OutOfTime
from device.errors import DeviceError
from firstboot.device import Device
from firstboot.journal import Facts, Journal
from firstboot.screen import Screen


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One step. Its work may be cut off anywhere and run again."""

    name: str
    doing: str
    """What it does, in words for the screen."""
    run: Callable[[Device], Facts]


class StepFailed(Exception):
    """A step could not be done."""

    def __init__(self, step: str, reason: str, advice: str) -> None:
        super().__init__(f"{step}: {reason}")
        self.step = step
        # A seed, a file system or a program may have put anything into it.
        self.reason = words.plain(reason)
        self.advice = words.plain(advice)


def run(
    steps: Sequence[Step],
    device: Device,
    journal: Journal,
    screen: Screen,
    tell: Callable[[str], None] = lambda _: None,
) -> bool:
    """Do what is not done yet and collect the facts of all steps in `device.facts`, within the recipe's time.

    Args:
        steps: all of them, in order.
        device: what they work with.
        journal: what is done.
        screen: hears each step as it begins.
        tell: hears it, too, in words for the report.

    Returns:
        Whether anything had to be done.

    Raises:
        StepFailed: a step failed; those before it are done, those after it were not tried.
    """
    worked = False
    with commands.within(device.settings.minutes * 60):
        for number, step in enumerate(steps, start=1):
            facts = journal.facts(step.name)
            if facts is None:
                screen.say(f"[{number}/{len(steps)}] {step.doing}")
                tell(f"step {number} of {len(steps)}: {step.doing}")
                facts = attempt(step, device)
                journal.mark(step.name, facts)
                worked = True
            device.facts.update(facts)
    return worked


def attempt(step: Step, device: Device) -> Facts:
    """Do the work of a step once.

    Raises:
        StepFailed: it failed.
    """
    try:
        commands.require_time()
        return step.run(device)
    except OutOfTime as error:
        reason = f"first boot may take {device.settings.minutes} minutes in all, and they are over while {step.doing}"
        raise StepFailed(step.name, reason, error.advice) from error
    except DeviceError as error:
        raise StepFailed(step.name, error.reason, error.advice) from error
    except (OSError, sqlite3.Error) as error:
        advice = "The disk may be full or damaged. Switch the device off and on; if this stays, use another disk."
        raise StepFailed(step.name, str(error), advice) from error
