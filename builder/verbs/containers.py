"""Verbs about images of containers: how one gets out, onto a device that runs already."""

from __future__ import annotations

import json
from argparse import Namespace
from pathlib import Path

from builder.growth import plan_growth
from builder.host.namespace import enter
from builder.host.places import OVERLAYS
from builder.host.pool import Pool
from builder.host.scratch import scratch
from builder.host.tools import ensure_workshop
from builder.layers.containers import ContainersLayer
from builder.lock.model import Lock
from builder.oci.export import size_bytes, write_archive
from builder.options import Verbs
from builder.progress import reporter_for
from builder.recipe.problems import UnknownWord
from builder.supply import RecipeSupply
from builder.units import format_size
from builder.verbs.common import checked


def declare(family: Verbs) -> None:
    """Add the verbs of this module."""
    example = "container export kolibri-cloud localhost/kolibri:0.19.5 kolibri.tar"
    container = family.add("container", export, "get images of containers out of recipes", example)
    verb = Verbs(container).add(
        "export",
        export,
        "write an image of a recipe as an archive, for `satchel-container replace` on a device",
        example,
    )
    verb.takes_recipe()
    verb.add_argument("image", metavar="IMAGE", help="the whole name of the image, as the recipe has it")
    verb.add_argument("out", metavar="FILE", type=Path, help="the archive (OCI) to write")
    verb.goes_by_lock()
    verb.shows_progress()
    verb.speaks_json()


def export(arguments: Namespace) -> int:
    """Write an image; one that is built here is built now if need be."""
    loaded = checked(arguments)
    names = [image.name for image in loaded.recipe.containers.images] if loaded.recipe.containers else []
    if arguments.image not in names:
        raise UnknownWord(f"the recipe has no image {arguments.image}", arguments.image, names)
    enter()
    reporter = reporter_for(arguments.progress)
    supply = RecipeSupply(loaded=loaded, locked=arguments.locked, offline=arguments.offline, reporter=reporter)
    lock, pool = supply.supplied(Lock.files), Pool()
    tools = ensure_workshop(lock.tools, pool, reporter)
    growth = plan_growth(loaded, lock, overlays=OVERLAYS, foundation=tools.identity)
    images = next(layer.images for layer in growth.layers if isinstance(layer, ContainersLayer))
    image = images.one(arguments.image, tools=tools, pool=pool, reporter=reporter)
    assert image is not None, "the lock has what the recipe names"
    out: Path = arguments.out.absolute()
    with (
        scratch(out.parent, f".{out.name}.unfinished-") as room,
        reporter.amount(f"write {out.name}", size_bytes(image)) as advance,
    ):
        with (room / "archive").open("wb") as file:
            write_archive(image, file, advance=advance)
        (room / "archive").rename(out)
    size = out.stat().st_size
    if arguments.json:
        print(json.dumps({"archive": str(out), "image": image.name, "digest": image.digest, "size_bytes": size}))
    else:
        print(f"{out}  {format_size(size)}, {image.digest}")
    return 0
