"""Verbs that compare and explain finished work: what differs between two images, why a path is in one."""

from __future__ import annotations

import json
from argparse import Namespace

from builder.artifact import find_image
from builder.compare.comparison import compare, render
from builder.compare.origin import Tree
from builder.compare.stack import Level, Stack
from builder.disk.image import DESCRIPTOR
from builder.errors import ArtifactError
from builder.growth import Growth, plan_growth
from builder.host.namespace import enter
from builder.host.places import OVERLAYS
from builder.host.tools import workshop_identity
from builder.lock.current import known_lock
from builder.options import Verbs
from builder.progress import reporter_for
from builder.recipe.load import Loaded
from builder.verbs.common import DIST, checked

_LINES = 8
"""Lines of a group that people want to see at first."""


def declare(family: Verbs) -> None:
    """Add the verbs of this module."""
    verb = family.add(
        "diff",
        diff,
        "tell what differs between two images; exits with 1 when they differ, as diff(1) does",
        "diff old.img kolibri-pc",
        "diff old.img new.img --all",
        "diff old.img new.img --json",
    )
    words = "an image file, or the name of a recipe for its image in dist/"
    verb.add_argument("before", metavar="A", help=words)
    verb.add_argument("after", metavar="B", help=words)
    verb.add_argument("--all", action="store_true", help=f"show every line, not only {_LINES} of each group")
    verb.shows_progress()
    verb.speaks_json()

    verb = family.add(
        "why",
        why,
        "tell what put a path into an image: recipe line, package, overlay, application, content",
        "why /usr/sbin/sshd",
        "why /etc/fstab --recipe kolibri-pc",
        "why /etc/ssh/ssh_host_rsa_key --json",
    )
    verb.add_argument("path", metavar="PATH", help="a path on the device")
    verb.add_argument("--recipe", metavar="RECIPE", help="the recipe (the one whose image in dist/ is the newest)")
    verb.add_argument(
        "--set", metavar="NAME=VALUE", action="append", default=[], help="choose a parameter of the recipe"
    )
    verb.speaks_json()


def diff(arguments: Namespace) -> int:
    """Tell what differs between two images."""
    before, after = (find_image(name, dist=DIST) for name in (arguments.before, arguments.after))
    reporter = reporter_for(arguments.progress)
    comparison = compare(before, after, overlays=OVERLAYS, reporter=reporter)
    if arguments.json:
        print(json.dumps(comparison.as_dict(), indent=1))
    else:
        print(render(comparison, limit=None if arguments.all else _LINES))
    return 0 if comparison.equal else 1


def why(arguments: Namespace) -> int:
    """Tell what put a path into an image."""
    arguments.recipe = arguments.recipe or _newest()
    loaded = checked(arguments)
    growth = _finished(loaded)
    enter()
    levels = [Level(name=layer.name, tree=tree) for layer, tree in growth.trees()]
    origin = Tree(loaded, Stack(levels), overlays=OVERLAYS).why(arguments.path)
    print(json.dumps(origin.as_dict(), indent=1) if arguments.json else origin.text())
    return 0


def _newest() -> str:
    """The recipe whose image is the newest."""
    found = (path for ending in (".img", DESCRIPTOR) for path in DIST.glob(f"*/*{ending}"))
    images = [path for path in found if path.stem == path.parent.name]
    if not images:
        raise ArtifactError("there is no image in dist/", hint="name the recipe: --recipe NAME")
    return max(images, key=lambda path: path.stat().st_mtime_ns).stem


def _finished(loaded: Loaded) -> Growth:
    """The layers of a finished build, which lie in the cache."""
    name = loaded.recipe.name
    lock = known_lock(loaded)
    if lock is None:
        raise ArtifactError(
            f"{name} has no lock that fits its recipe, so nothing was built from it", hint=_build_first(loaded)
        )
    growth = plan_growth(loaded, lock, overlays=OVERLAYS, foundation=workshop_identity(lock.tools))
    missing = [layer.name for layer in growth.planned if not layer.reused]
    if missing:
        raise ArtifactError(
            f"the tree of {name} is not in the cache as the recipe is now",
            details=f"not made yet, or made from something else: {', '.join(missing)}",
            hint=_build_first(loaded),
        )
    return growth


def _build_first(loaded: Loaded) -> str:
    return f"build it first: satchel build {loaded.recipe.name}"
