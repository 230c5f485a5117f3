"""The kinds of layers, each in a file of its own, and the order in which they grow a tree.

The order is by rate of change: what changes daily (overlays, units) lies above what takes long to make (packages,
content), so that an edit remakes little.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from builder.layers.apt import AptLayer
from builder.layers.base import BaseLayer
from builder.layers.kolibri import KolibriLayer
from builder.layers.overlay import OverlayLayer
from builder.layers.pip import PipLayer
from builder.layers.site import Layer, Site
from builder.layers.system import SystemLayer
from builder.layers.units import UnitsLayer
from builder.layers.users import UsersLayer
from builder.recipe.load import Loaded

__all__ = ["Layer", "Site", "layers_of"]


def layers_of(loaded: Loaded, *, overlays: Path) -> tuple[Layer, ...]:
    """The layers that a recipe asks for, the lowest first; `overlays` is the directory that holds its overlays."""
    return tuple(_layers(loaded, overlays))


def _layers(loaded: Loaded, overlays: Path) -> Iterator[Layer]:
    recipe = loaded.recipe
    yield BaseLayer(base=recipe.base)
    if recipe.packages.apt:
        yield AptLayer(packages=recipe.packages.apt)
    if recipe.users:
        yield UsersLayer(users=recipe.users)
    for application in recipe.packages.pip:
        yield PipLayer(application=application, requirements=loaded.path(application.requirements))
    if recipe.kolibri:
        yield KolibriLayer(kolibri=recipe.kolibri, loaded=loaded)
    for overlay in recipe.overlays:
        yield OverlayLayer(overlay=overlay, loaded=loaded, directory=overlays / overlay.name)
    yield UnitsLayer(loaded=loaded)
    yield SystemLayer(recipe=recipe)
