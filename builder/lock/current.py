"""The lock that a build goes by: the file beside the recipe as long as it fits and can be had, else a resolution."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from builder.errors import PlanError
from builder.host.pool import Pool
from builder.lock.apt import Upgrade
from builder.lock.bring import bring
from builder.lock.content import contents
from builder.lock.fetch import Moved
from builder.lock.inputs import drift
from builder.lock.memory import remember, remembered
from builder.lock.model import Lock, Locked
from builder.lock.resolve import origins_of, resolve
from builder.lock.text import called, read_lock
from builder.progress import Reporter
from builder.recipe.load import Loaded
from builder.recipe.problems import shown

_TRIES: Final = 3
"""How often a mirror may move on while we look at it."""

_FEW: Final = 3
"""Reasons that fit into one line."""

Needed = Callable[[Lock], Iterable[Locked]]

Agreed = Callable[[Lock], None]
"""Told a lock before anything is fetched for it; whoever does not agree raises an error."""


def any_lock(_lock: Lock) -> None:
    """Agrees to everything."""


def lock_path(loaded: Loaded) -> Path:
    """Where the lock of a recipe lies: beside it."""
    return loaded.source.with_suffix(".lock")


def known_lock(loaded: Loaded) -> Lock | None:
    """The lock that a build would go by, if that can be said without network.

    Raises:
        ArtifactError: the lock file was changed by hand.
    """
    written = read_lock(lock_path(loaded))
    lock = written if written and not misfits(written, loaded) else remembered(loaded, after=written)
    return _followed(lock, loaded, Lock.files) if lock else None


def _followed(lock: Lock, loaded: Loaded, needed: Needed) -> Lock:
    """The lock, or the one that took its place when the mirrors had dropped what the pool does not have either."""
    pool = Pool()
    while pool.missing(needed(lock)) and (later := remembered(loaded, after=lock)):
        lock = later
    return lock


def misfits(lock: Lock, loaded: Loaded) -> tuple[str, ...]:
    """Why the lock does not fit the recipe, in sentences; empty when it fits. Sources of content are not looked at."""
    asked = drift(lock, loaded)
    if asked:
        return asked
    return tuple(
        f"content[{there.source}] is now {there.description}, the lock has {locked.description}"
        for there, locked in zip(contents(loaded), lock.content, strict=True)
        if there.digest != locked.digest
    )


def lock_for(
    loaded: Loaded,
    *,
    locked: bool,
    offline: bool,
    reporter: Reporter,
    needed: Needed = Lock.files,
    agreed: Agreed = any_lock,
) -> Lock:
    """The lock for a build, with the files that the build needs in the pool. Must run inside the namespace.

    Args:
        loaded: The recipe.
        locked: Refuse instead of resolving anything.
        offline: Never use the network.
        reporter: Who is told what was decided.
        needed: The files that the build will use; all of them when left out.
        agreed: Asked before anything is fetched.

    Raises:
        ArtifactError: the lock file was changed by hand.
        PlanError: `locked` or `offline` does not allow what would be necessary.
        Moved: `locked`, and the mirrors no longer have what the lock names.
        RecipeError, HostError: see `resolve`.
    """
    lock = _chosen(loaded, locked=locked, offline=offline, reporter=reporter)
    for tried in range(_TRIES):
        lock = lock if locked else _followed(lock, loaded, needed)
        agreed(lock)
        try:
            bring(needed(lock), loaded, origins_of(loaded), offline=offline, reporter=reporter)
        except Moved as moved:
            if locked or tried == _TRIES - 1:
                raise
            reporter.note(f"{moved.message}; newer versions are taken (--locked would refuse)\n{moved.details}")
            freed = Upgrade(names=frozenset(deb.name for deb in moved.debs))
            lock = _resolved(loaded, earlier=lock, upgrade=freed, reporter=reporter)
        else:
            break
    return lock


def _chosen(loaded: Loaded, *, locked: bool, offline: bool, reporter: Reporter) -> Lock:
    path = lock_path(loaded)
    lock = read_lock(path)
    reasons = misfits(lock, loaded) if lock else (f"there is no {shown(path)}",)
    if lock is not None and not reasons:
        return lock
    write_it = f"`satchel lock {called(loaded.source)}` writes it"
    if locked:
        message = f"{shown(path)} does not fit the recipe" if lock else "the recipe has no lock"
        raise PlanError(message, details="\n".join(reasons), hint=write_it)
    chosen = remembered(loaded, after=lock)
    if chosen is None:
        if offline:
            hint = f"{write_it}, on a machine with network"
            raise PlanError(
                "versions must be looked up, and the network may not be used", details="\n".join(reasons), hint=hint
            )
        chosen = _resolved(loaded, earlier=lock, upgrade=Upgrade(), reporter=reporter)
    day = datetime.fromtimestamp(chosen.date, tz=UTC).date()
    reporter.note(f"versions are those of {day}, because {_in_short(reasons)}; {write_it}")
    return chosen


def _in_short(sentences: Sequence[str]) -> str:
    more = len(sentences) - _FEW
    return "; ".join(sentences[:_FEW]) + (f"; and {more} more" if more > 0 else "")


def _resolved(loaded: Loaded, *, earlier: Lock | None, upgrade: Upgrade, reporter: Reporter) -> Lock:
    lock = resolve(loaded, earlier=earlier, upgrade=upgrade, reporter=reporter)
    remember(lock, loaded, after=earlier)
    return lock
