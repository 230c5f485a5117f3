"""Grow the tree of a recipe and print all its facts: a program, so that tests can run it under other conditions.

Usage: python -m tests.integration.layers.grow_once RECIPE LOCK PARENT

PARENT is the directory for a cache that is new, besides the pool and the workshop.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from builder.growth import grow, plan_growth
from builder.host.namespace import enter
from builder.host.places import separate_cache
from builder.host.scratch import scratch
from builder.lock.model import Lock
from builder.progress import Reporter
from builder.recipe.load import load_recipe
from tests.integration.layers.trees import facts_of
from tests.integration.workshop import workshop


def main(recipe: Path, locked: Path, parent: Path) -> None:
    """Inside the namespace, with whatever environment the caller chose."""
    enter()
    lock = Lock.model_validate_json(locked.read_text())
    tools = workshop(lock)
    with scratch(parent, "grown-") as cache, separate_cache(cache, shared=("pool", "workshop")):
        growth = plan_growth(load_recipe(recipe), lock, overlays=recipe.parent, foundation=tools.identity)
        grow(growth, tools=tools, reporter=Reporter())
        with growth.store.scratch("facts") as room, growth.tree(room) as tree:
            json.dump(facts_of(tree, epoch=lock.date), sys.stdout)


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
