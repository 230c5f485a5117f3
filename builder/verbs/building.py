"""Verbs that build."""

from __future__ import annotations

import json
from argparse import Namespace
from pathlib import Path

from builder.build import Built, build_image
from builder.bundle import open_bundle, write_bundle
from builder.errors import UsageError
from builder.growth import grow, plan_growth
from builder.host.collect import collect_after_build
from builder.host.namespace import enter
from builder.host.places import OVERLAYS
from builder.host.pool import Pool
from builder.host.sandbox import Sandbox
from builder.host.store import Store
from builder.host.tools import ensure_workshop
from builder.lock.model import Lock
from builder.options import Verbs
from builder.progress import Reporter, reporter_for
from builder.supply import FixedSupply, RecipeSupply
from builder.units import format_size
from builder.verbs.common import checked, settings


def declare(family: Verbs) -> None:
    """Add the verbs of this module."""
    verb = family.add(
        "build",
        build,
        "build the disk image of a recipe",
        "build kolibri-pc",
        'build kolibri-pc --set language=fr-fr --set facility_name="École {code}"',
        "build ./my-school.yml --dist /mnt/images --progress json",
        "build kolibri-pc --locked --offline",
        "build kolibri-pc --split",
        "build --bundle kolibri-pc.tar --offline",
    )
    verb.takes_recipe(unless="--bundle")
    verb.goes_by_lock()
    verb.add_argument("--bundle", metavar="FILE", help="build what a bundle holds: recipe, lock and every input")
    verb.shows_progress()
    verb.speaks_json()
    verb.add_argument("--dist", metavar="DIR", default="dist", help="where finished images stand (dist)")
    verb.add_argument(
        "--split",
        action="store_true",
        help="leave the image in parts, so that what the cache holds is not written again: for trying and testing "
        "on this machine",
    )
    verb.add_argument("--force", action="store_true", help="make the image again even if nothing changed")

    verb = family.add(
        "bundle",
        bundle,
        "pack a recipe, its lock and every input into one file, to build from without any network",
        "bundle kolibri-pc kolibri-pc.tar",
        "bundle kolibri-pc --set language=fr-fr /mnt/archive/kolibri-pc-fr.tar",
    )
    verb.takes_recipe()
    verb.goes_by_lock()
    verb.add_argument("output", metavar="OUT.tar", help="the file to write")
    verb.shows_progress()
    verb.speaks_json()

    verb = family.add(
        "shell",
        shell,
        "open a shell in the built tree, to look around; changes are thrown away",
        "shell kolibri-pc",
        "shell kolibri-pc -- dpkg -l",
    )
    verb.takes_recipe()
    verb.goes_by_lock()
    verb.add_argument("command", nargs="*", metavar="COMMAND", help="a command to run instead of a shell")


def build(arguments: Namespace) -> int:
    """Build an image."""
    if bool(arguments.bundle) == bool(arguments.recipe):
        raise UsageError("give a recipe or --bundle FILE, and not both", hint="satchel build --help")
    reporter = reporter_for(arguments.progress)
    dist = Path(arguments.dist)
    if arguments.bundle:
        built = _build_bundle(arguments, dist, reporter)
    else:
        loaded = checked(arguments)
        enter()
        supply = RecipeSupply(loaded=loaded, locked=arguments.locked, offline=arguments.offline, reporter=reporter)
        built = build_image(loaded, supply, dist=dist, split=arguments.split, force=arguments.force, reporter=reporter)
    if not built.reused:
        collect_after_build(reporter)
    if arguments.json:
        print(json.dumps({"image": str(built.image), "reused": built.reused, "key": built.manifest.key}))
        return 0
    for name, record in built.manifest.digests.items():
        print(f"{built.directory / name}  {format_size(record.size_bytes)}")
    if built.reused:
        print("nothing changed since it was made; --force makes it again")
    return 0


def _build_bundle(arguments: Namespace, dist: Path, reporter: Reporter) -> Built:
    if arguments.set:
        raise UsageError(
            "a bundle was packed with its own values; --set cannot change them", hint="bundle the recipe anew"
        )
    enter()
    with Store("layers").scratch("bundle") as directory:
        there = open_bundle(Path(arguments.bundle), pool=Pool(), into=directory, reporter=reporter)
        if not there.same_satchel:
            reporter.note(
                f"{arguments.bundle} was packed by another Satchel ({there.index.satchel}), so bytes may differ; "
                "its source is in the bundle, below satchel/"
            )
        return build_image(
            there.loaded,
            FixedSupply(loaded=there.loaded, lock=there.lock, offline=True, reporter=reporter),
            dist=dist,
            overlays=there.overlays,
            split=arguments.split,
            force=arguments.force,
            reporter=reporter,
        )


def bundle(arguments: Namespace) -> int:
    """Pack a recipe."""
    loaded = checked(arguments)
    enter()
    reporter = reporter_for(arguments.progress)
    supply = RecipeSupply(loaded=loaded, locked=arguments.locked, offline=arguments.offline, reporter=reporter)
    lock, out = supply.supplied(Lock.files), Path(arguments.output)
    index = write_bundle(loaded, lock, settings=settings(arguments.set), pool=Pool(), out=out, reporter=reporter)
    size = out.stat().st_size
    if arguments.json:
        print(json.dumps({"bundle": str(out), "size_bytes": size, "files": len(index.members)}))
    else:
        print(f"{out}  {format_size(size)}, {len(index.members)} files")
    return 0


def shell(arguments: Namespace) -> int:
    """Open a shell in the built tree."""
    loaded = checked(arguments)
    enter()
    reporter = reporter_for("auto")
    supply = RecipeSupply(loaded=loaded, locked=arguments.locked, offline=arguments.offline, reporter=reporter)
    lock = supply.supplied(Lock.files)
    tools = ensure_workshop(lock.tools, Pool(), reporter)
    growth = plan_growth(loaded, lock, overlays=OVERLAYS, foundation=tools.identity)
    grow(growth, tools=tools, reporter=reporter)
    growth.make_runnable(tools)
    with growth.store.scratch("shell") as room, growth.tree(room) as tree:
        sandbox = Sandbox(root=tree, writable=True, network=True)
        command = arguments.command or ["/bin/bash", "--login"]
        if not arguments.command:
            reporter.note("this is the tree of the image; whatever you change is thrown away when you leave")
        return sandbox.interact(command)
