"""All locks that this machine knows: beside recipes, and remembered ones. What they name is needed, the rest is not."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from builder.errors import ArtifactError
from builder.lock.memory import remembered_locks
from builder.lock.model import Lock, LockedChannel
from builder.lock.text import called, is_lock, read_lock
from builder.recipe.problems import normal


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """A lock and where it is from."""

    lock: Lock
    name: str
    """The recipe, as a person calls it."""
    path: Path | None
    """None for one that is only remembered."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Used:
    """A channel, or a part of one, and the recipes whose locks name it."""

    locked: LockedChannel
    recipes: tuple[str, ...]
    written: bool
    """Whether a lock beside a recipe names it, and not only one that is remembered."""


def locks_in(directories: Iterable[Path]) -> tuple[Path, ...]:
    """Lock files that Satchel wrote, each once. Other programs have files of that ending, too."""
    found = (normal(path) for directory in directories for path in sorted(directory.glob("*.lock")))
    return tuple(dict.fromkeys(path for path in found if is_lock(path)))


def known_locks(paths: Iterable[Path]) -> tuple[Known, ...]:
    """The locks in files, and those that are remembered.

    Raises:
        ArtifactError: a file was changed by hand, so that nobody can say what it needs.
    """
    written = [(path, lock) for path in paths if (lock := read_lock(path)) is not None]
    beside = [Known(lock=lock, name=called(path.with_suffix(".yml")), path=path) for path, lock in written]
    return (*beside, *(Known(lock=lock, name=lock.recipe, path=None) for lock in remembered_locks()))


def used_channels(known: Sequence[Known]) -> tuple[Used, ...]:
    """Every channel that locks name, each part of it once, in the order of ids."""
    users: dict[tuple[str, str, str], list[tuple[Known, LockedChannel]]] = {}
    for each in known:
        for channel in each.lock.channels:
            users.setdefault((channel.id, channel.sha256, channel.digest), []).append((each, channel))
    return tuple(
        Used(
            locked=pairs[0][1],
            recipes=tuple(sorted({each.name for each, _ in pairs})),
            written=any(each.path for each, _ in pairs),
        )
        for _, pairs in sorted(users.items())
    )


def readable(paths: Iterable[Path]) -> tuple[tuple[Path, ...], tuple[str, ...]]:
    """Those lock files that can be read, and sentences about the others."""
    good: list[Path] = []
    complaints: list[str] = []
    for path in paths:
        try:
            read_lock(path)
            good.append(path)
        except ArtifactError as error:
            complaints.append(error.message)
    return tuple(good), tuple(complaints)
