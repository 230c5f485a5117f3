"""The tree grows: every layer that is not there yet is made on top of the ones below it, and kept.

Layers are stacked as overlay mounts and never copied. What a layer changed lies in a directory of its own; a later
build whose key is the same puts that directory back into the stack.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from builder.errors import BuildFailed
from builder.host.namespace import overlay_mounted
from builder.host.places import cache_directory, remove_tree
from builder.host.store import Store
from builder.host.tools import Tools
from builder.layers import Layer, Site, layers_of
from builder.plan.layers import PlannedLayer, plan_layers
from builder.progress import Reporter
from builder.recipe.load import Loaded


@dataclass(frozen=True, slots=True, kw_only=True)
class Growth:
    """The layers of a recipe with the decision about each of them, the lowest first."""

    layers: tuple[Layer, ...]
    planned: tuple[PlannedLayer, ...]
    store: Store

    @property
    def key(self) -> str:
        """The key of the whole tree."""
        return self.planned[-1].key

    def stack(self) -> tuple[Path, ...]:
        """The directories of all layers, which must be made already."""
        entries = [self.store.find(layer.key) for layer in self.planned]
        return tuple(entry.path / "tree" for entry in entries if entry is not None)

    @contextmanager
    def tree(self, scratch: Path) -> Iterator[Path]:
        """The whole tree, all layers stacked; whatever is changed in it is thrown away with `scratch`."""
        with tree_mounted(self.stack(), scratch) as tree:
            yield tree


def plan_growth(loaded: Loaded, *, overlays: Path, foundation: str) -> Growth:
    """Decide about every layer of a recipe; changes nothing."""
    store = Store("layers")
    layers = layers_of(loaded, overlays=overlays)
    described = [(layer.name, layer.parts()) for layer in layers]
    planned = plan_layers(described, foundation=foundation, known=store.entries())
    return Growth(layers=layers, planned=planned, store=store)


def grow(growth: Growth, *, tools: Tools, reporter: Reporter) -> None:
    """Make every layer that is missing. Must run inside the namespace."""
    below: tuple[Path, ...] = ()
    for layer, planned in zip(growth.layers, growth.planned, strict=True):
        if not planned.reused:
            with (
                reporter.step(layer.name, detail=planned.reason),
                growth.store.make(planned.key, name=layer.name, parts=planned.parts) as directory,
            ):
                _make(layer, below, directory, tools=tools, reporter=reporter)
        entry = growth.store.find(planned.key)
        if entry is None:
            raise BuildFailed(f"layer {layer.name} vanished while it was used", hint="build again")
        below = (*below, entry.path / "tree")


def _make(layer: Layer, below: tuple[Path, ...], directory: Path, *, tools: Tools, reporter: Reporter) -> None:
    with tree_mounted(below, directory) as tree:
        pools = cache_directory() / "pool"
        layer.build(Site(tree=tree, tools=tools, scratch=directory, pools=pools, reporter=reporter))


@contextmanager
def tree_mounted(below: tuple[Path, ...], directory: Path) -> Iterator[Path]:
    """The stacked layers as one writable tree; what is changed lands in `directory/tree`."""
    upper = directory / "tree"
    if not below:
        upper.mkdir()
        yield upper
        return
    work, merged = directory / "work", directory / "merged"
    with overlay_mounted(below, upper=upper, work=work, target=merged):
        yield merged
    remove_tree(work)
    merged.rmdir()
