"""Many points, one after the other or two at once; whatever is done already is not done again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from builder.boot.diary import Bench
from builder.boot.powercut import recording as recordings
from builder.boot.powercut import results
from builder.boot.powercut.choose import choose
from builder.boot.powercut.judgement import Outcome
from builder.boot.powercut.log import Log, read
from builder.boot.powercut.medium import Point
from builder.boot.powercut.recording import Recording
from builder.boot.powercut.results import Visit
from builder.boot.powercut.seeded import is_of_another, with_seed
from builder.boot.powercut.visit import Expedition, visit
from builder.boot.side_by_side import for_each
from builder.boot.subject import Subject
from builder.disk.read import Table
from builder.errors import UsageError

RESULTS: Final = "visits.jsonl"


@dataclass(frozen=True, slots=True, kw_only=True)
class Campaign:
    """Everything that is known after a run, from earlier ones too."""

    image: str
    recording: Recording
    log: Log
    visits: tuple[Visit, ...]

    @property
    def passed(self) -> bool:
        """Whether something was visited and everything was well."""
        return bool(self.visits) and all(visit.outcome is Outcome.OK for visit in self.visits)


def run(
    subject: Subject, table: Table, bench: Bench, *, points: int, seed: int, only: Point | None, together: bool
) -> Campaign:
    """Record a first boot unless that was done, and visit the points that were not visited yet.

    Args:
        subject: The image.
        table: Its partition table.
        bench: What to work with; its logs are the directory where everything is kept.
        points: How many points there shall be.
        seed: Chooses them.
        only: Visit this point alone, even if it was visited.
        together: Whether two machines may run at once.

    Raises:
        UsageError: the point that is wanted is none of a recording that is there, or what is there is of another image.
        BootTestFailed: the recording failed.
        CommandFailed: a machine could not be made or started.
    """
    directory = bench.logs
    if (directory / RESULTS).exists() and is_of_another(subject, directory):
        # Before the copy is made anew: it belongs to what was found out.
        raise _of_another(directory)
    image, subject = subject.image.name, with_seed(subject, bench, directory)
    recording, log = _recorded(subject, bench, again=only is not None)
    if only is not None and only.position > recording.entries:
        raise UsageError(f"{only.name} lies behind the end of the recording, which has {recording.entries} requests")
    expedition = Expedition(subject=subject, table=table, bench=bench, recording=recording, log=log)
    starts = [band.start for band in recording.bands]
    chosen = (only,) if only else choose(log.entries, starts, points=points, seed=seed)
    known = {} if only else {found.name for found in results.load(directory / RESULTS)}
    wanted = [point for point in chosen if point.name not in known]
    if known:
        bench.reporter.note(f"{len(chosen) - len(wanted)} of {len(chosen)} points were visited earlier")
    _visit_all(wanted, expedition, together=together)
    visits = results.with_forgotten(results.load(directory / RESULTS), recording)
    if only:
        visits = tuple(found for found in visits if found.name == only.name)
    return Campaign(image=image, recording=recording, log=log, visits=visits)


def _recorded(subject: Subject, bench: Bench, *, again: bool) -> tuple[Recording, Log]:
    directory = bench.logs
    recording = recordings.load(directory, subject.image)
    if recording is None:
        if again:
            raise UsageError(
                f"{directory} holds no recording of this image, and a point is a place in one",
                hint="make one with --power-cuts N",
            )
        if (directory / RESULTS).exists():
            raise _of_another(directory)
        with bench.reporter.step("record a first boot"):
            recording = recordings.record(subject, bench, directory)
    return recording, read(directory / recordings.LOG_NAME)


def _of_another(directory: Path) -> UsageError:
    return UsageError(
        f"{directory} holds what power cuts showed of another image",
        hint="choose another --report DIR; or remove this one, which may be hours of work",
    )


def _visit_all(points: Sequence[Point], expedition: Expedition, *, together: bool) -> None:
    bench = expedition.bench

    def heard(found: Visit) -> None:
        results.keep(bench.logs / RESULTS, found)
        for fault in found.faults[:1]:
            bench.reporter.note(f"{found.name} ({found.step}): {found.outcome}: {fault.text}"[:300])

    def go(point: Point) -> Visit:
        return visit(point, expedition)

    for_each(points, go, bench, title="power cuts", unit=" points", together=together, heard=heard)
