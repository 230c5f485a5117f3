"""Verbs about recipes: write one, find its problems, plan."""

from __future__ import annotations

import json
import os
from argparse import Namespace
from datetime import UTC, datetime
from pathlib import Path

from builder.errors import ArtifactError, PlanError, RecipeError
from builder.growth import needed_files, plan_growth
from builder.host.places import OVERLAYS, RECIPES
from builder.host.store import Store
from builder.host.tools import find_workshop, workshop_identity
from builder.lock.current import known_lock
from builder.lock.looking import Found, find_locked
from builder.options import Verbs
from builder.plan.layers import render as render_layers
from builder.progress import reporter_for
from builder.recipe.load import Loaded
from builder.recipe.new import starting_recipe
from builder.recipe.problems import as_dicts
from builder.shortages import refuse_what_does_not_fit, shortages
from builder.sizing import missing_packages, plan_sizes
from builder.units import format_size
from builder.verbs.common import DIST, checked
from builder.verbs.size_plan import as_dict, problems_of
from builder.verbs.size_plan import render as render_sizes


def declare(family: Verbs) -> None:
    """Add the verbs of this module."""
    examples = ("new my-school", "new my-school --output my-school.yml")
    verb = family.add("new", new, "write a starting recipe", *examples)
    verb.add_argument("name", help="the name of the recipe: small letters, digits and hyphens")
    verb.add_argument("--output", metavar="FILE", help="where to write it (recipes/NAME.yml)")

    verb = family.add(
        "check",
        check,
        "find every problem of a recipe, and say what its image will hold and need, before anything is downloaded",
        "check kolibri-pc",
        "check my-school.yml --json",
        "check kolibri-pc --set root_size=4GiB",
        "check my-school.yml --offline",
    )
    verb.takes_recipe()
    verb.add_argument(
        "--offline", action="store_true", help="look nothing up; say what is not known (databases of channels)"
    )
    verb.add_argument("--dist", metavar="DIR", default=str(DIST), help="where the image would stand (dist)")
    verb.shows_progress()
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
    recipe = loaded.recipe
    if not arguments.json:
        print(f"{recipe.name}: no problem found; {len(recipe.disk.partitions)} partitions, {len(recipe.checks)} checks")
    with Store("layers").scratch("sizes") as room:
        return _check_sizes(loaded, arguments, room)


def _check_sizes(loaded: Loaded, arguments: Namespace, room: Path) -> int:
    found = find_locked(loaded, offline=arguments.offline, reporter=reporter_for(arguments.progress))
    needed, content_made = _still_needed(loaded, found)
    sized = plan_sizes(
        loaded,
        found.channels,
        found.trees,
        room=room,
        dist=Path(arguments.dist),
        packages_bytes=needed,
        content_made=content_made,
        offline=arguments.offline,
        unknown=found.unknown,
        reporter=reporter_for(arguments.progress),
    )
    if arguments.json:
        lacking = tuple(shortages(sized))
        print(json.dumps({"problems": problems_of(lacking), "sizes": as_dict(sized, found, lacking)}, indent=1))
        return lacking[0].error.exit_code if lacking else 0
    print(f"\n{render_sizes(sized, found)}", flush=True)
    refuse_what_does_not_fit(sized)
    return 0


def _still_needed(loaded: Loaded, found: Found) -> tuple[int | None, bool]:
    """Bytes of packages that are not here yet, and whether the layer of the content is."""
    if found.lock is None:
        return None, False
    growth = plan_growth(loaded, found.lock, overlays=OVERLAYS, foundation=workshop_identity(found.lock.tools))
    made = all(layer.reused for layer in growth.planned if layer.name in ("content", "files"))
    return missing_packages(needed_files(growth)), made


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
