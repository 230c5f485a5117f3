"""The lock of the shipped recipe and its workshop, for tests that make trees. Use it only inside the namespace."""

from __future__ import annotations

from builder.host.places import RECIPES
from builder.host.pool import Pool
from builder.host.tools import Tools, ensure_lab, ensure_workshop
from builder.lock.current import lock_for
from builder.lock.model import Lock
from builder.progress import Reporter
from builder.recipe.load import load_recipe


def shipped_lock() -> Lock:
    """The lock of the default recipe, with the tools and packages that it names in the pool."""
    loaded = load_recipe(RECIPES / "kolibri-pc.yml")
    return lock_for(loaded, locked=False, offline=False, reporter=Reporter(), needed=lambda lock: tuple(lock.debs()))


def workshop(lock: Lock) -> Tools:
    """Made on first use and kept, as in a build."""
    return ensure_workshop(lock.tools, Pool(), Reporter())


def emulators() -> Tools:
    """A tree with the emulators of other processors."""
    return ensure_lab(Reporter(), ("qemu-user",))
