"""Where the lock of a build comes from, and the files that it names: the recipe's own lock, or a bundle."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from builder.lock.bring import bring
from builder.lock.current import Agreed, Needed, any_lock, known_lock, lock_for, lock_path, misfits
from builder.lock.model import Lock
from builder.lock.resolve import origins_of
from builder.lock.text import read_lock
from builder.progress import Reporter
from builder.recipe.load import Loaded


class Supply(Protocol):
    """A lock, first as it is known at once, then with its files."""

    @property
    def offline(self) -> bool:
        """Whether the network may never be used."""

    def known(self) -> Lock | None:
        """The lock, if it can be told without network."""

    def supplied(self, needed: Needed, *, agreed: Agreed = any_lock) -> Lock:
        """The lock, with the files that `needed` names for it in the pool; `agreed` is asked before any is brought."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RecipeSupply:
    """The lock beside the recipe, or a resolution; files from the pool and the network."""

    loaded: Loaded
    locked: bool
    """Refuse instead of resolving anything."""
    offline: bool
    """Never use the network."""
    reporter: Reporter

    def known(self) -> Lock | None:
        """See `Supply`."""
        if not self.locked:
            return known_lock(self.loaded)
        lock = read_lock(lock_path(self.loaded))
        return lock if lock is not None and not misfits(lock, self.loaded) else None

    def supplied(self, needed: Needed, *, agreed: Agreed = any_lock) -> Lock:
        """See `Supply` and `lock_for`."""
        return lock_for(
            self.loaded,
            locked=self.locked,
            offline=self.offline,
            reporter=self.reporter,
            needed=needed,
            agreed=agreed,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class FixedSupply:
    """Exactly this lock, whatever the recipe says today: of a bundle or of an image that stands."""

    loaded: Loaded
    lock: Lock
    offline: bool
    reporter: Reporter

    def known(self) -> Lock:
        """See `Supply`."""
        return self.lock

    def supplied(self, needed: Needed, *, agreed: Agreed = any_lock) -> Lock:
        """See `Supply` and `bring`."""
        agreed(self.lock)
        bring(needed(self.lock), self.loaded, origins_of(self.loaded), offline=self.offline, reporter=self.reporter)
        return self.lock
