"""The tree of the default image, which must be built already. Use it only inside the namespace."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from builder.growth import Growth, plan_growth
from builder.host.places import OVERLAYS, RECIPES
from builder.host.store import Store
from builder.host.tools import workshop_identity
from builder.lock.text import read_lock
from builder.recipe.load import load_recipe


@contextmanager
def default_tree() -> Iterator[tuple[Growth, Path]]:
    """How it grew, and all of its layers stacked; what is changed in it is thrown away."""
    loaded, lock = load_recipe(RECIPES / "kolibri-pc.yml"), read_lock(RECIPES / "kolibri-pc.lock")
    assert lock is not None
    growth = plan_growth(loaded, lock, overlays=OVERLAYS, foundation=workshop_identity(lock.tools))
    with Store("layers").scratch("test") as scratch, growth.tree(scratch) as tree:
        yield growth, tree
