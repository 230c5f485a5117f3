"""A place where a facility can be born: the tree of an image from the cache, with its Kolibri and its sealed home."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from builder.errors import PlanError
from builder.growth import grow, plan_growth
from builder.host.namespace import enter
from builder.host.places import OVERLAYS
from builder.host.pool import Pool
from builder.host.sandbox import Mount, Sandbox
from builder.host.tools import ensure_workshop
from builder.identity.born import Nursery
from builder.kolibri.home import account, in_tree
from builder.lock.model import Lock
from builder.lock.text import lock_digest
from builder.manifest import Manifest
from builder.progress import reporter_for
from builder.recipe.load import load_recipe
from builder.recipe.model import FirstBoot
from builder.supply import RecipeSupply
from builder.verbs.common import recipe_path

_ROOM = "/run/satchel-born"


@contextmanager
def nursery(recipe: str, manifest: Manifest | None) -> Iterator[tuple[Nursery, FirstBoot]]:
    """Open the tree of a recipe, made if it has to be; with `manifest`, that of the very image. Enters the namespace.

    Raises:
        PlanError: the recipe has no Kolibri, or makes another image by now.
    """
    chosen = {name: _written(value) for name, value in manifest.params.items()} if manifest else {}
    loaded = load_recipe(recipe_path(recipe), settings=chosen)
    kolibri, first_boot = loaded.recipe.kolibri, loaded.recipe.firstboot
    if kolibri is None:
        raise PlanError(f"the recipe {recipe} has no Kolibri, so no facility can be born for it")
    enter()
    reporter = reporter_for("auto")
    lock = RecipeSupply(loaded=loaded, locked=False, offline=False, reporter=reporter).supplied(Lock.files)
    if manifest and lock_digest(lock) != manifest.lock:
        raise PlanError(
            f"the image was made from another lock than the one that {recipe} has now",
            hint="build and flash it again, or go back to its lock; or let the facility be born on the device",
        )
    tools = ensure_workshop(lock.tools, Pool(), reporter)
    growth = plan_growth(loaded, lock, overlays=OVERLAYS, foundation=tools.identity)
    grow(growth, tools=tools, reporter=reporter)
    growth.make_runnable(tools)
    with growth.store.scratch("born") as scratch, growth.tree(scratch) as tree:
        room = scratch / "room"
        room.mkdir()
        made = Nursery(
            runner=Sandbox(root=tree, mounts=(Mount(target=_ROOM, source=room, writable=True),)),
            kolibri=kolibri,
            sealed=in_tree(tree, kolibri.home),
            owner=account(tree, kolibri.user),
            room=room,
            inside=_ROOM,
        )
        yield made, first_boot


def _written(value: str | int | bool) -> str:
    """A parameter as a person would give it."""
    return str(value).lower() if isinstance(value, bool) else str(value)
