"""The kinds of layers, each in a file of its own, and the order in which they grow a tree.

The order is by rate of change: what changes daily (overlays, units) lies above what takes long to make (packages,
content), so that an edit remakes little.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from builder.layers.apt import AptLayer
from builder.layers.base import BaseLayer
from builder.layers.containers import ContainersLayer, Images, Maker
from builder.layers.content import ContentLayer, content_mount
from builder.layers.files import FilesLayer
from builder.layers.image_root import ImageRootLayer
from builder.layers.initramfs import CONFIGURES, InitramfsLayer
from builder.layers.kolibri import KolibriLayer
from builder.layers.overlay import OverlayLayer
from builder.layers.pip import PipLayer
from builder.layers.quadlets import QuadletsLayer
from builder.layers.site import Layer, Site
from builder.layers.system import SystemLayer
from builder.layers.units import UnitsLayer
from builder.layers.users import UsersLayer
from builder.lock.model import Lock
from builder.recipe.load import Loaded
from builder.recipe.model import Recipe

__all__ = ["Layer", "Site", "layers_of", "layers_of_image"]


def layers_of(loaded: Loaded, lock: Lock, *, overlays: Path, built: Mapping[str, Maker]) -> tuple[Layer, ...]:
    """The layers that a recipe asks for, the lowest first, as its lock says.

    Args:
        loaded: The recipe.
        lock: Its lock.
        overlays: The directory that holds the overlays.
        built: What makes the images that are built here, by their names.
    """
    return tuple(_layers(loaded, lock, overlays, built))


def layers_of_image(loaded: Loaded, lock: Lock, *, overlays: Path) -> tuple[Layer, ...]:
    """The layers of an image that is built here: those of a system, without what starts and what boots."""
    return tuple(_layers_of_image(loaded, lock, overlays))


def _layers_of_image(loaded: Loaded, lock: Lock, overlays: Path) -> Iterator[Layer]:
    yield from _software(loaded.recipe, lock)
    if loaded.recipe.users:
        yield UsersLayer(users=loaded.recipe.users)
    yield from _applications(loaded.recipe, lock)
    configuring, others = _overlays(loaded, overlays)
    yield from (*configuring, *others)
    yield ImageRootLayer()


def _software(recipe: Recipe, lock: Lock) -> Iterator[Layer]:
    yield BaseLayer(base=recipe.base, debs=lock.base, epoch=lock.date)
    if recipe.packages.apt:
        yield AptLayer(packages=recipe.packages.apt, debs=lock.apt, architecture=recipe.base.architecture)


def _applications(recipe: Recipe, lock: Lock) -> Iterator[Layer]:
    for application in recipe.packages.pip:
        wheels = tuple(wheel for wheel in lock.wheels if wheel.venv == application.venv)
        yield PipLayer(application=application, wheels=wheels)


def _layers(loaded: Loaded, lock: Lock, overlays: Path, built: Mapping[str, Maker]) -> Iterator[Layer]:
    recipe = loaded.recipe
    configuring, others = _overlays(loaded, overlays)
    yield from _software(recipe, lock)
    if not configuring:
        yield InitramfsLayer()
    if recipe.users:
        yield UsersLayer(users=recipe.users)
    yield from _applications(recipe, lock)
    if recipe.kolibri:
        yield ContentLayer(kolibri=recipe.kolibri, loaded=loaded, locked=lock.channels)
        yield KolibriLayer(kolibri=recipe.kolibri, mount=content_mount(loaded), tool_wheels=lock.tool_wheels)
    if lock.trees:
        # Above Kolibri, which does not know of them: another file must not import all channels again.
        yield FilesLayer(recipe=recipe, locked=lock.trees)
    if configuring:
        yield from configuring
        yield InitramfsLayer()
    yield from others
    if recipe.containers:
        images = Images(locked=lock.images, blobs=lock.blobs, built=built)
        yield ContainersLayer(containers=recipe.containers, images=images)
        yield QuadletsLayer(loaded=loaded, containers=recipe.containers, images=images)
    yield UnitsLayer(loaded=loaded)
    yield SystemLayer(recipe=recipe)


def _overlays(loaded: Loaded, directory: Path) -> tuple[tuple[OverlayLayer, ...], tuple[OverlayLayer, ...]]:
    """The overlays with files for the initramfs, and the others; each in the order of the recipe."""
    layers = [
        OverlayLayer(overlay=overlay, loaded=loaded, directory=directory / overlay.name)
        for overlay in loaded.recipe.overlays
    ]
    names = {layer.name for layer in layers if any(file.path.startswith(CONFIGURES) for file in layer.files())}
    return (
        tuple(layer for layer in layers if layer.name in names),
        tuple(layer for layer in layers if layer.name not in names),
    )
