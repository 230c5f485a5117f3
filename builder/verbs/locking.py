"""Verbs about locks: write one, ask whether it fits, compare two."""

from __future__ import annotations

import json
from argparse import Namespace
from pathlib import Path

from builder.errors import ArtifactError, PlanError
from builder.host.namespace import enter
from builder.host.pool import Pool
from builder.lock.apt import Upgrade
from builder.lock.current import lock_path, misfits
from builder.lock.difference import Difference, compare, render
from builder.lock.fetch import fetch
from builder.lock.model import Lock
from builder.lock.resolve import origins_of, resolve
from builder.lock.text import called, read_lock, write_lock
from builder.options import Verbs
from builder.progress import Reporter, reporter_for
from builder.recipe.load import Loaded
from builder.recipe.problems import UnknownWord, shown
from builder.verbs.common import checked, recipe_path

_DIFF = "diff"


def declare(family: Verbs) -> None:
    """Add the verbs of this module."""
    verb = family.add(
        "lock",
        lock,
        "write down the exact version of everything that a recipe names",
        "lock kolibri-pc",
        "lock kolibri-pc --upgrade",
        "lock kolibri-pc --upgrade openssh-server linux-image-amd64",
        "lock kolibri-pc --check",
        "lock diff kolibri-pc.lock recipes/kolibri-pc.lock",
    )
    verb.takes_recipe()
    verb.add_argument(
        "locks", metavar="LOCK", nargs="*", help=f"with the word {_DIFF} instead of a recipe: two locks to compare"
    )
    verb.add_argument(
        "--upgrade",
        metavar="PACKAGE",
        nargs="*",
        help="take the newest version of these packages, with what they are built together with, or of these channels "
        "(by id); of all when none is named. Without it, only what the recipe asks for newly is looked up",
    )
    verb.add_argument(
        "--check", action="store_true", help="only say whether the lock fits the recipe (exit code 3: no)"
    )
    verb.shows_progress()
    verb.speaks_json()


def lock(arguments: Namespace) -> int:
    """Write the lock of a recipe, check it, or compare two."""
    if arguments.recipe == _DIFF:
        return _diff(arguments)
    if arguments.locks:
        word = arguments.locks[0]
        raise UnknownWord(f"{word} is one word too many; name one recipe", word, ())
    loaded = checked(arguments)
    return _check(loaded, arguments) if arguments.check else _write(loaded, arguments)


def _check(loaded: Loaded, arguments: Namespace) -> int:
    path = lock_path(loaded)
    there = read_lock(path)
    reasons = misfits(there, loaded) if there else (f"there is no {shown(path)}",)
    if arguments.json:
        print(json.dumps({"lock": str(path), "fits": not reasons, "reasons": reasons}, indent=1))
        return PlanError.exit_code if reasons else 0
    if reasons:
        hint = f"`satchel lock {called(loaded.source)}` writes it"
        raise PlanError(f"{shown(path)} does not fit the recipe", details="\n".join(reasons), hint=hint)
    print(f"{shown(path)} fits")
    return 0


def _write(loaded: Loaded, arguments: Namespace) -> int:
    reporter = reporter_for(arguments.progress)
    path = lock_path(loaded)
    earlier = _earlier(path, reporter)
    upgrade = _upgrade(arguments.upgrade, earlier)
    enter()
    made = resolve(loaded, earlier=earlier, upgrade=upgrade, reporter=reporter)
    # What is there today may be gone tomorrow.
    fetch(
        (*made.debs(), *made.wheels, *made.tool_wheels),
        recipe=called(loaded.source),
        origins=origins_of(loaded),
        pool=Pool(),
        offline=False,
        reporter=reporter,
    )
    if made != earlier:
        write_lock(path, made)
    _tell(path, compare(earlier, made), first=earlier is None, arguments=arguments)
    return 0


def _earlier(path: Path, reporter: Reporter) -> Lock | None:
    try:
        return read_lock(path)
    except ArtifactError as error:
        reporter.note(f"{error.message}; all versions are chosen anew")
        return None


def _upgrade(names: list[str] | None, earlier: Lock | None) -> Upgrade:
    if names is None or earlier is None:
        return Upgrade()
    there = {deb.name for deb in earlier.debs()} | {channel.id for channel in earlier.channels}
    there |= {tree.name for tree in earlier.trees} | {image.name for image in earlier.images}
    for name in names:
        if name not in there:
            raise UnknownWord(f"the lock has no Debian package, channel, tree or image {name}", name, sorted(there))
    return Upgrade(names=frozenset(names), everything=not names)


def _tell(path: Path, difference: Difference, *, first: bool, arguments: Namespace) -> None:
    if arguments.json:
        print(json.dumps({"lock": str(path), **difference.as_dict()}, indent=1))
    elif first:
        packages, tools = len(difference.packages), len(difference.tools)
        print(f"{shown(path)}: {packages} packages, {len(difference.wheels)} wheels, {tools} packages of tools")
        print("".join(f"{line}\n" for line in difference.content), end="")
    else:
        print(f"{shown(path)}:\n{render(difference)}" if difference else f"{shown(path)} fits; nothing was changed")


def _diff(arguments: Namespace) -> int:
    if len(arguments.locks) != 2:
        raise UnknownWord("give two locks to compare: satchel lock diff OLD NEW", _DIFF, ())
    old, new = map(_named, arguments.locks)
    difference = compare(old, new)
    print(json.dumps(difference.as_dict(), indent=1) if arguments.json else render(difference))
    return 0


def _named(name: str) -> Lock:
    """A lock file, or the lock of a recipe."""
    path = Path(name) if Path(name).suffix == ".lock" else recipe_path(name).with_suffix(".lock")
    found = read_lock(path)
    if found is None:
        raise ArtifactError(f"there is no lock {path}", hint="give a lock file or a recipe that has one")
    return found
