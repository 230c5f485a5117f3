"""Rules about the containers of a recipe. Pure. What needs the images themselves to be known is found by lock."""

from __future__ import annotations

from collections.abc import Iterator

from builder.recipe.disk import DataClass, FileSystem
from builder.recipe.finding import Finding, Rule, misplaced, repeated
from builder.recipe.model import Recipe
from builder.recipe.problems import suggest

PODMAN = "podman"
"""The overlay, and the package, that run containers."""


def _named_twice(recipe: Recipe) -> Iterator[Finding]:
    if recipe.containers:
        images = ((("containers", "images", i, "name"), image.name) for i, image in enumerate(recipe.containers.images))
        yield from repeated(images, "image")
        units = ((("containers", "units", i, "name"), unit.name) for i, unit in enumerate(recipe.containers.units))
        yield from repeated(units, "container")


def _where_from(recipe: Recipe) -> Iterator[Finding]:
    for i, image in enumerate(recipe.containers.images if recipe.containers else ()):
        if image.archive and image.build:
            message = "an image comes from an archive or is built here, not both"
            yield Finding(("containers", "images", i, "build"), message, "take `archive` or `build` away")
        if image.build and image.digest:
            message = "an image that is built here has no digest beforehand; the lock names everything in it"
            yield Finding(("containers", "images", i, "digest"), message, "take `digest` away")
        if image.build and not image.name.startswith("localhost/"):
            message = "an image that is built here does not come from a registry"
            hint = f"call it localhost/{image.name.partition('/')[2]}"
            yield Finding(("containers", "images", i, "name"), message, hint)


def _runs_an_image(recipe: Recipe) -> Iterator[Finding]:
    if not recipe.containers:
        return
    names = [image.name for image in recipe.containers.images]
    for i, unit in enumerate(recipe.containers.units):
        if unit.image not in names:
            hint = suggest(unit.image, names, of="the images are")
            yield Finding(("containers", "units", i, "image"), f"{unit.image} is none of the images", hint)


def _needs_podman(recipe: Recipe) -> Iterator[Finding]:
    if not recipe.containers:
        return
    brought = PODMAN in recipe.packages.apt and any(overlay.name == PODMAN for overlay in recipe.overlays)
    if not brought:
        message = "nothing on the device runs containers"
        yield Finding(("containers",), message, "add lib/podman.yml to `extends`")


def _store(recipe: Recipe) -> Iterator[Finding]:
    if not recipe.containers:
        return
    store = recipe.containers.store
    partition = next((each for each in recipe.disk.partitions if each.mount == store), None)
    if partition is None:
        message = f"no partition is mounted at {store}, where images are kept"
        yield Finding(
            ("containers", "store"),
            message,
            f"add a partition: {{name: containers, size: 4GiB, filesystem: btrfs, mount: {store}, data: disposable}}",
        )
        return
    keys = ("disk", "partitions", recipe.disk.partitions.index(partition))
    if partition.filesystem != FileSystem.BTRFS:
        yield Finding((*keys, "filesystem"), f"images are kept on a btrfs, this is {partition.filesystem}")
    if partition.data != DataClass.DISPOSABLE:
        message = "what containers write beside their volumes is lost when their images are loaded again"
        yield Finding((*keys, "data"), message, "write `data: disposable`, and give `volumes` to what must stay")


def _volumes(recipe: Recipe) -> Iterator[Finding]:
    for i, unit in enumerate(recipe.containers.units if recipe.containers else ()):
        keys = ("containers", "units", i, "volumes")
        yield from repeated((((*keys, j, "path"), volume.path) for j, volume in enumerate(unit.volumes)), "volume")
        for j, volume in enumerate(unit.volumes):
            yield from misplaced(recipe, (*keys, j, "source"), volume.source, volume.data)


def _ports(recipe: Recipe) -> Iterator[Finding]:
    ports = [
        (("containers", "units", i, "ports", j, "port"), f"{port.port}/{port.protocol}")
        for i, unit in enumerate(recipe.containers.units if recipe.containers else ())
        for j, port in enumerate(unit.ports)
    ]
    yield from repeated(ports, "port")
    for i, unit in enumerate(recipe.containers.units if recipe.containers else ()):
        if unit.ports and unit.network != "bridge":
            what = "has the device's own ports" if unit.network == "host" else "reaches nobody"
            message = f"a container with `network: {unit.network}` {what}"
            yield Finding(("containers", "units", i, "ports"), message, "take `ports` or `network` away")


CONTAINER_RULES: tuple[tuple[tuple[str, ...], Rule], ...] = (
    (("containers",), _named_twice),
    (("containers",), _where_from),
    (("containers",), _runs_an_image),
    (("containers", "packages", "overlays"), _needs_podman),
    (("containers", "disk"), _store),
    (("containers", "disk"), _volumes),
    (("containers",), _ports),
)
"""Every rule about containers, with the sections that it reads."""
