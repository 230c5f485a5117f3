"""Which channels and trees a recipe means, as far as that can be said without fetching anything large."""

from __future__ import annotations

from dataclasses import dataclass

from builder.host.pool import Pool
from builder.lock.apt import Upgrade
from builder.lock.content import resolve_channels
from builder.lock.current import known_lock, lock_path
from builder.lock.inputs import inputs_of
from builder.lock.model import Lock, LockedChannel, LockedTree
from builder.lock.text import read_lock
from builder.lock.trees import resolve_trees
from builder.progress import Reporter
from builder.recipe.load import Loaded


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """The content of a recipe."""

    lock: Lock | None
    """What a build would go by; None if that is not known yet."""
    channels: tuple[LockedChannel, ...]
    trees: tuple[LockedTree, ...]
    unknown: tuple[int, ...]
    """Entries of the recipe's content of which nothing is known, because nobody may be asked."""


def find_locked(loaded: Loaded, *, offline: bool, reporter: Reporter) -> Found:
    """The channels as they are locked; those that are not are looked up now, unless `offline`.

    Only databases of channels are fetched; trees that are not locked are read.

    Raises:
        ArtifactError: the lock file was changed by hand.
        PlanError: no source has a channel.
        HostError: a source cannot be reached.
    """
    lock = known_lock(loaded)
    if lock is not None:
        return Found(lock=lock, channels=lock.channels, trees=lock.trees, unknown=())
    earlier, inputs = read_lock(lock_path(loaded)), inputs_of(loaded)

    def as_before(number: int) -> bool:
        section = f"content {number}"
        return earlier is not None and earlier.inputs.get(section) == inputs[section]

    trees = tuple(
        resolve_trees(loaded, earlier=earlier, as_before=as_before, upgrade=Upgrade(), pool=Pool(), reporter=reporter)
    )
    if offline:
        asked = [number for number, source in enumerate(loaded.recipe.content) if source.channels]
        known = tuple(channel for channel in (earlier.channels if earlier else ()) if as_before(channel.source))
        unknown = tuple(number for number in asked if not as_before(number))
        return Found(lock=None, channels=known, trees=trees, unknown=unknown)
    found = resolve_channels(
        loaded, earlier=earlier, as_before=as_before, upgrade=Upgrade(), pool=Pool(), reporter=reporter
    )
    return Found(lock=None, channels=tuple(found), trees=trees, unknown=())
