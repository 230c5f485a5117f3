"""Verbs about recipes: write one, find its problems, plan."""

from __future__ import annotations

import json
import os
from argparse import Namespace
from datetime import UTC, datetime
from pathlib import Path

from builder.errors import ArtifactError, PlanError, RecipeError
from builder.growth import plan_growth
from builder.host.places import OVERLAYS, RECIPES
from builder.host.tools import find_workshop, workshop_identity
from builder.lock.current import known_lock
from builder.options import Verbs
from builder.plan.layers import render as render_layers
from builder.recipe.new import starting_recipe
from builder.recipe.problems import as_dicts
from builder.units import format_size
from builder.verbs.common import checked


def declare(family: Verbs) -> None:
    """Add the verbs of this module."""
    examples = ("new my-school", "new my-school --output my-school.yml")
    verb = family.add("new", new, "write a starting recipe", *examples)
    verb.add_argument("name", help="the name of the recipe: small letters, digits and hyphens")
    verb.add_argument("--output", metavar="FILE", help="where to write it (recipes/NAME.yml)")

    examples = ("check kolibri-pc", "check my-school.yml --json")
    verb = family.add(
        "check", check, "find every problem of a recipe", *examples, "check kolibri-pc --set root_size=4GiB"
    )
    verb.takes_recipe()
    verb.speaks_json()

    examples = ("plan kolibri-pc", "plan kolibri-pc --json")
    verb = family.add("plan", plan, "show what a build would do, without doing it", *examples)
    verb.takes_recipe()
    verb.speaks_json()


def new(arguments: Namespace) -> int:
    """Write a starting recipe."""
    path = Path(arguments.output or RECIPES / f"{arguments.name}.yml")
    text = starting_recipe(arguments.name, recipes=os.path.relpath(RECIPES, path.absolute().parent))
    try:
        with path.open("x") as file:
            file.write(text)
    except FileExistsError as error:
        raise ArtifactError(f"{path} exists already", hint="choose another name or --output FILE") from error
    except OSError as error:
        raise ArtifactError(f"{path}: {error.strerror}") from error
    print(path)
    return 0


def check(arguments: Namespace) -> int:
    """Find every problem of a recipe."""
    try:
        loaded = checked(arguments)
    except RecipeError as error:
        if not arguments.json:
            raise
        print(json.dumps({"problems": as_dicts(error.problems)}, indent=1))
        return error.exit_code
    if arguments.json:
        print(json.dumps({"problems": []}))
    else:
        recipe = loaded.recipe
        print(f"{recipe.name}: no problem found; {len(recipe.disk.partitions)} partitions, {len(recipe.checks)} checks")
    return 0


def plan(arguments: Namespace) -> int:
    """Show what a build would do."""
    loaded = checked(arguments)
    lock = known_lock(loaded)
    if lock is None:
        raise PlanError(
            f"{loaded.recipe.name} has no lock, so nobody knows yet which versions its layers will have",
            hint=f"`satchel lock {arguments.recipe}` looks them up",
        )
    identity = workshop_identity(lock.tools)
    growth = plan_growth(loaded, lock, overlays=OVERLAYS, foundation=identity)
    partitions = [
        {
            "name": partition.name,
            "size": partition.size if partition.size == "fit" else format_size(partition.size),
            "filesystem": str(partition.filesystem or partition.type),
            "mount": partition.mount or " ".join(f"{sub.name}={sub.mount}" for sub in partition.subvolumes),
        }
        for partition in loaded.recipe.disk.partitions
    ]
    if arguments.json:
        print(json.dumps({"layers": [layer.as_dict() for layer in growth.planned], "partitions": partitions}, indent=1))
        return 0
    print(f"{loaded.recipe.name}: {loaded.recipe.description}\n")
    workshop = "reused" if find_workshop(lock.tools) else f"make: {len(lock.tools)} packages"
    print(f"lock of {datetime.fromtimestamp(lock.date, UTC).date()}\nworkshop: {workshop}\n\nlayers, the lowest first:")
    print(render_layers(growth.planned))
    print(f"\ndisk ({', '.join(loaded.recipe.disk.boot)}):")
    for row in partitions:
        size = "as needed" if row["size"] == "fit" else row["size"]
        print(f"  {row['name']:<10} {size:>10}  {row['filesystem']:<10} {row['mount']}")
    return 0
