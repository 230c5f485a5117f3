"""Resolutions that no lock file holds, remembered so that the next build needs no network."""

from __future__ import annotations

from collections.abc import Iterator

from builder.errors import ArtifactError
from builder.host.store import Entry, Store
from builder.lock.content import contents, local_marks
from builder.lock.inputs import inputs_of
from builder.lock.model import Lock
from builder.lock.text import lock_digest, read_lock, write_lock
from builder.lock.trees import tree_marks
from builder.plan.keys import key_of
from builder.recipe.load import Loaded

_FILE = "lock"


def remembered(loaded: Loaded, *, after: Lock | None) -> Lock | None:
    """What was resolved for the recipe in the place of the lock `after` (or of none)."""
    entry = Store("locks").find(key_of(_parts(loaded, after)))
    return _read(entry) if entry else None


def remember(lock: Lock, loaded: Loaded, *, after: Lock | None) -> None:
    """Keep a resolution."""
    parts = _parts(loaded, after)
    with Store("locks").make(key_of(parts), name=lock.recipe, parts=parts) as directory:
        write_lock(directory / _FILE, lock)


def remembered_locks() -> Iterator[Lock]:
    """All of them, the newest first."""
    for entry in Store("locks").entries():
        if (lock := _read(entry)) is not None:
            yield lock


def _parts(loaded: Loaded, after: Lock | None) -> dict[str, str]:
    return {
        **inputs_of(loaded),
        **{f"digest of content {content.source}": content.digest for content in contents(loaded)},
        **local_marks(loaded),
        **tree_marks(loaded),
        "after": lock_digest(after) if after else "",
    }


def _read(entry: Entry) -> Lock | None:
    try:
        return read_lock(entry.path / _FILE)
    except ArtifactError:
        # It can be resolved again.
        return None
