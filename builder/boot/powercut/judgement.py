"""What a power cut did to a device, judged by its own answers. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from pydantic import BaseModel, ConfigDict

from builder.boot.answer import FirstBootAnswer, Identity


class Outcome(StrEnum):
    """What came of a point; the worst comes first."""

    BRICK = "brick"
    DUPLICATE = "duplicate"
    MISSING = "missing"
    CHANGED = "changed"
    LEFTOVER = "leftover"
    UNHEALTHY = "unhealthy"
    STALLED = "stalled"
    OK = "ok"


MEANINGS: Final = {
    Outcome.BRICK: "it does not come up, or cannot finish its first boot",
    Outcome.DUPLICATE: "there is more than one facility or superuser",
    Outcome.MISSING: "a part of its identity, its facility or its superuser is missing",
    Outcome.CHANGED: "it became somebody else after it had been somebody",
    Outcome.LEFTOVER: "a secret or unfinished work was left behind",
    Outcome.UNHEALTHY: "a unit, a check of the recipe or a file system failed",
    Outcome.STALLED: "the emulator was at fault, twice",
    Outcome.OK: "one device, whole, and nothing left behind",
}


class Fault(BaseModel):
    """One thing that is wrong."""

    model_config = ConfigDict(frozen=True)

    outcome: Outcome
    text: str


def worst(faults: tuple[Fault, ...]) -> Outcome:
    """The outcome of a point with these faults."""
    found = {fault.outcome for fault in faults}
    return next(outcome for outcome in Outcome if outcome in found or outcome is Outcome.OK)


def judge_answer(
    answer: FirstBootAnswer, *, like: Identity, told: Mapping[str, str] = MappingProxyType({})
) -> tuple[Fault, ...]:
    """Everything that is wrong with a device after a power cut.

    Args:
        answer: What it said.
        like: The identity of the device that was recorded: what it has, this one must have, too.
        told: Fields that its seed decided, with their values.
    """
    return (*_faults(answer, like), *_disobedience(answer.identity, told))


def _faults(answer: FirstBootAnswer, like: Identity) -> Iterator[Fault]:
    if answer.state != "active":
        journals = "; ".join(f"{unit.unit}: {unit.journal.strip()[-400:]}" for unit in answer.failed)
        yield Fault(outcome=Outcome.BRICK, text=f"first boot is {answer.state}: {journals or 'no reason given'}")
    elif answer.undone:
        yield Fault(outcome=Outcome.BRICK, text=f"steps without a mark: {', '.join(answer.undone)}")
    own = answer.identity.fields()
    for field, value in like.fields().items():
        if value is not None and not own.get(field):
            yield Fault(outcome=Outcome.MISSING, text=f"{field} is missing")
    if answer.kolibri is not None:
        for what, found in (("facility", answer.kolibri.facilities), ("superuser", answer.kolibri.superusers)):
            if len(found) > 1:
                yield Fault(outcome=Outcome.DUPLICATE, text=f"more than one {what}: {', '.join(found)}")
            if not found:
                yield Fault(outcome=Outcome.MISSING, text=f"there is no {what}")
        if answer.kolibri.problem:
            yield Fault(outcome=Outcome.MISSING, text=answer.kolibri.problem)
    for text in answer.leftovers:
        yield Fault(outcome=Outcome.LEFTOVER, text=text)
    for unit in answer.failed:
        yield Fault(outcome=Outcome.UNHEALTHY, text=f"{unit.unit} failed: {unit.journal.strip()[-400:]}")


def _disobedience(identity: Identity, told: Mapping[str, str]) -> Iterator[Fault]:
    own = identity.fields()
    for field, value in told.items():
        if own.get(field) not in {None, value}:
            yield Fault(outcome=Outcome.CHANGED, text=f"{field} is {own[field]}, and its seed says {value}")


def differences(before: Identity, after: Identity, *, when: str) -> dict[str, Fault]:
    """A fault for every field that a device had and that is another one now."""
    old, new = before.fields(), after.fields()
    return {
        field: Fault(outcome=Outcome.CHANGED, text=f"{field} changed {when}: {value} became {new.get(field)}")
        for field, value in old.items()
        if value is not None and new.get(field) != value
    }
