"""What the visited points showed: one JSON line for each, so that a run that was broken off goes on where it was."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from builder.boot.answer import Identity
from builder.boot.kept import kept_in
from builder.boot.powercut.judgement import Fault, Outcome, differences, worst
from builder.boot.powercut.medium import Kind
from builder.boot.powercut.recording import Recording


class Visit(BaseModel):
    """One point: how it was visited and what was found."""

    model_config = ConfigDict(frozen=True)

    name: str
    position: int
    flushed: int
    """How many entries of the log were certainly on the medium."""
    kind: Kind
    step: str
    """What the device was busy with."""
    started: str
    """`direct`, or the firmware that was used."""
    thorough: bool = False
    """The recipe's checks were asked for, and the file systems looked at."""
    again: bool = False
    """The power was cut once more."""
    faults: tuple[Fault, ...] = ()
    identity: Identity | None = None
    console: str = ""
    """The last lines of the console of a point that failed."""
    seconds: float

    @property
    def outcome(self) -> Outcome:
        """The worst of it."""
        return worst(self.faults)


def load(path: Path) -> tuple[Visit, ...]:
    """The visits in a file; of a point that was visited again the newest."""
    return tuple({visit.name: visit for visit in kept_in(path, Visit)}.values())


def keep(path: Path, visit: Visit) -> None:
    """Add a visit."""
    with path.open("a") as file:
        file.write(visit.model_dump_json() + "\n")


def with_forgotten(visits: Sequence[Visit], recording: Recording) -> tuple[Visit, ...]:
    """The visits, with the faults that only all of them together show.

    A device on which nothing but the flushed writes of some moment was left, and which was the recorded one still, had
    become it for good. So it must be the same after every later cut. That needs no knowledge of the steps.
    """
    recorded = {field: value for field, value in recording.identity.fields().items() if value is not None}
    lasting: dict[str, int] = {}
    for visit in visits:
        if visit.identity is not None and visit.kind is Kind.NONE:
            own = visit.identity.fields()
            for field in (field for field in recorded if own.get(field) == recorded[field]):
                lasting[field] = min(lasting.get(field, visit.flushed), visit.flushed)

    def judged(visit: Visit) -> Visit:
        if visit.identity is None:
            return visit
        faults = tuple(
            fault
            for field, fault in differences(recording.identity, visit.identity, when="though it was durable").items()
            if visit.position >= recording.done or (field in lasting and visit.flushed >= lasting[field])
        )
        return visit.model_copy(update={"faults": (*visit.faults, *faults)})

    return tuple(judged(visit) for visit in visits)
