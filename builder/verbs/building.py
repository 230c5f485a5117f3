"""Verbs that build."""

from __future__ import annotations

import json
from argparse import Namespace
from pathlib import Path

from builder.build import build_image
from builder.growth import grow, plan_growth
from builder.host.namespace import enter
from builder.host.places import OVERLAYS
from builder.host.sandbox import Sandbox
from builder.host.tools import ensure_tools
from builder.options import Verbs
from builder.progress import reporter_for
from builder.units import format_size
from builder.verbs.common import checked


def declare(family: Verbs) -> None:
    """Add the verbs of this module."""
    verb = family.add(
        "build",
        build,
        "build the disk image of a recipe",
        "build kolibri-pc",
        'build kolibri-pc --set language=fr-fr --set facility_name="École {code}"',
        "build ./my-school.yml --dist /mnt/images --progress json",
    )
    verb.takes_recipe()
    verb.shows_progress()
    verb.speaks_json()
    verb.add_argument("--dist", metavar="DIR", default="dist", help="where finished images stand (dist)")
    verb.add_argument("--force", action="store_true", help="make the image again even if nothing changed")

    verb = family.add(
        "shell",
        shell,
        "open a shell in the built tree, to look around; changes are thrown away",
        "shell kolibri-pc",
        "shell kolibri-pc -- dpkg -l",
    )
    verb.takes_recipe()
    verb.add_argument("command", nargs="*", metavar="COMMAND", help="a command to run instead of a shell")


def build(arguments: Namespace) -> int:
    """Build an image."""
    loaded = checked(arguments)
    enter()
    reporter = reporter_for(arguments.progress)
    built = build_image(loaded, dist=Path(arguments.dist), force=arguments.force, reporter=reporter)
    if arguments.json:
        print(json.dumps({"image": str(built.image), "reused": built.reused, "key": built.manifest.key}))
        return 0
    for name, record in built.manifest.digests.items():
        print(f"{built.directory / name}  {format_size(record.size_bytes)}")
    if built.reused:
        print("nothing changed since it was made; --force makes it again")
    return 0


def shell(arguments: Namespace) -> int:
    """Open a shell in the built tree."""
    loaded = checked(arguments)
    enter()
    reporter = reporter_for("auto")
    tools = ensure_tools(reporter)
    growth = plan_growth(loaded, overlays=OVERLAYS, foundation=tools.identity)
    grow(growth, tools=tools, reporter=reporter)
    with growth.store.scratch("shell") as scratch, growth.tree(scratch) as tree:
        sandbox = Sandbox(root=tree, writable=True, network=True)
        command = arguments.command or ["/bin/bash", "--login"]
        if not arguments.command:
            reporter.note("this is the tree of the image; whatever you change is thrown away when you leave")
        return sandbox.interact(command)
