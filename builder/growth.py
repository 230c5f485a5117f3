"""The tree grows: every layer that is not there yet is made on top of the ones below it, and kept.

Layers are stacked as overlay mounts and never copied. What a layer changed lies in a directory of its own; a later
build whose key is the same puts that directory back into the stack.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from builder.errors import BuildFailed
from builder.host import emulation
from builder.host.emulation import emulate
from builder.host.namespace import tree_mounted
from builder.host.places import remove_tree
from builder.host.pool import Pool
from builder.host.store import Store
from builder.host.tools import ARCHITECTURE, Tools, find_workshop
from builder.layers import Layer, Site, foreign, layers_of, layers_of_image, stand_ins
from builder.layers.foreign import Foreign
from builder.layers.site import code_digest
from builder.layers.stand_ins import StandIns
from builder.lock.model import Lock, Locked
from builder.nested import NestedImage, loaded_of_image
from builder.plan.keys import key_of
from builder.plan.layers import PlannedLayer, plan_layers
from builder.progress import Reporter
from builder.recipe.containers import BuiltImage
from builder.recipe.load import Loaded
from builder.recipe.model import Recipe
from builder.recipe.software import Architecture
from builder.together import Job, together


@dataclass(frozen=True, slots=True, kw_only=True)
class Growth:
    """The layers of a recipe with the decision about each of them, the lowest first."""

    layers: tuple[Layer, ...]
    planned: tuple[PlannedLayer, ...]
    store: Store
    lock: Lock
    architecture: Architecture
    images: tuple[Growth, ...] = ()
    """What the images of containers are made of that are built here."""

    @property
    def key(self) -> str:
        """The key of the whole tree."""
        return self.planned[-1].key

    def stack(self) -> tuple[Path, ...]:
        """The directories of the layers that the system's tree is made of, which must be made already.

        Raises:
            BuildFailed: one is not in the cache.
        """
        return tuple(tree for layer, (_, tree) in zip(self.layers, self.trees(), strict=True) if layer.alone_at is None)

    def alone_at(self, mount: str) -> Path | None:
        """The tree that alone becomes the partition with this mount point, if there is one.

        Raises:
            BuildFailed: as `stack` does.
        """
        made = zip(self.layers, self.trees(), strict=True)
        return next((tree for layer, (_, tree) in made if layer.alone_at == mount), None)

    def trees(self) -> tuple[tuple[PlannedLayer, Path], ...]:
        """All layers with their directories.

        Raises:
            BuildFailed: one is not in the cache.
        """
        found: list[tuple[PlannedLayer, Path]] = []
        for layer in self.planned:
            entry = self.store.find(layer.key)
            if entry is None:
                raise BuildFailed(
                    f"the layer {layer.name} left the cache while it was needed",
                    hint="build again; if it happens again, give the cache more room by SATCHEL_CACHE_SIZE",
                )
            found.append((layer, entry.path / "tree"))
        return tuple(found)

    def make_runnable(self, tools: Tools) -> None:
        """See to it that programs of the tree run in this namespace.

        Raises:
            HostError: they are for another processor, and this machine cannot emulate it.
        """
        if self.architecture != ARCHITECTURE:
            emulate(self.architecture, tools)

    @contextmanager
    def tree(self, scratch: Path) -> Iterator[Path]:
        """The whole tree, all layers stacked; whatever is changed in it is thrown away with `scratch`."""
        with tree_mounted(self.stack(), scratch) as tree:
            yield tree


def plan_growth(loaded: Loaded, lock: Lock, *, overlays: Path, foundation: str) -> Growth:
    """Decide about every layer of a recipe; changes nothing.

    Args:
        foundation: What all layers depend on: the identity of the workshop.
    """
    images = {
        image.name: _plan_image(loaded, lock, image.name, image.build, overlays=overlays, foundation=foundation)
        for image in (loaded.recipe.containers.images if loaded.recipe.containers else ())
        if image.build
    }
    built = {name: nested for name, (nested, _) in images.items()}
    layers = layers_of(loaded, lock, overlays=overlays, built=built)
    growth = _plan(layers, lock, loaded.recipe, foundation=foundation)
    return replace(growth, images=tuple(inner for _, inner in images.values()))


def _plan_image(
    loaded: Loaded, lock: Lock, name: str, asked: BuiltImage, *, overlays: Path, foundation: str
) -> tuple[NestedImage, Growth]:
    recipe = loaded.recipe
    part = lock.of_image(name)
    layers = layers_of_image(loaded_of_image(loaded, asked), part, overlays=overlays)
    growth = _plan(layers, part, recipe, foundation=foundation)

    def grown(tools: Tools, reporter: Reporter) -> tuple[Path, ...]:
        grow(growth, tools=tools, reporter=reporter)
        return tuple(tree for _, tree in growth.trees())

    nested = NestedImage(
        name=name,
        asked=asked,
        architecture=recipe.base.architecture,
        epoch=lock.date,
        planned=growth.planned,
        grown=grown,
        recipe=recipe.name,
    )
    return nested, growth


def _plan(layers: tuple[Layer, ...], lock: Lock, recipe: Recipe, *, foundation: str) -> Growth:
    store = Store("layers", user=recipe.name)
    architecture = recipe.base.architecture
    if architecture != ARCHITECTURE:
        foundation = key_of({"emulation": code_digest(emulation, foreign, stand_ins)}, below=foundation)
    described = [(layer.name, layer.parts()) for layer in layers]
    apart = {layer.name for layer in layers if layer.apart}
    planned = plan_layers(described, foundation=foundation, known=store.entries(), apart=apart)
    return Growth(layers=layers, planned=planned, store=store, lock=lock, architecture=architecture)


def needed_files(growth: Growth) -> Iterator[Locked]:
    """The files of its lock that growing will use: a layer that is there already needs none."""
    lock = growth.lock
    if find_workshop(lock.tools) is None:
        yield from lock.tools
    missing = {layer.name for layer in growth.planned if not layer.reused}
    if missing & {"base", "apt"}:
        yield from (*lock.base, *lock.apt)
    yield from (wheel for wheel in lock.wheels if f"pip {wheel.venv}" in missing)
    if "kolibri" in missing:
        yield from lock.tool_wheels
    if "content" in missing:
        yield from lock.channels
    if missing & {"containers", "quadlets"}:
        yield from lock.blobs
        for image in growth.images:
            yield from needed_files(image)
    # The listing alone is needed, too, when the partition is compared with it.
    if "files" in missing or Pool().missing(lock.trees):
        yield from lock.trees


def grow(growth: Growth, *, tools: Tools, reporter: Reporter) -> None:
    """Make every layer that is missing, from what lies in the pool. Must run inside the namespace.

    What layers need, but not from those below, is made at the same time.
    """
    jobs: dict[str, Job[object]] = {"layers": partial(_grow, growth, tools=tools, reporter=reporter)}
    for layer, planned in zip(growth.layers, growth.planned, strict=True):
        if not planned.reused:
            jobs |= layer.beforehand(tools=tools, pool=Pool(), reporter=reporter)
    together(jobs)


def _grow(growth: Growth, *, tools: Tools, reporter: Reporter) -> None:
    below: tuple[Path, ...] = ()
    programs, epoch = _stand_ins(growth, tools), growth.lock.date
    make = partial(_make, tools=tools, programs=programs, epoch=epoch, reporter=reporter)
    for layer, planned in zip(growth.layers, growth.planned, strict=True):
        entry = growth.store.obtain(
            planned.key,
            name=layer.name,
            parts=planned.parts,
            build=partial(make, layer, below),
            reporter=reporter,
            detail="" if planned.reused else planned.reason,
            linked=layer.apart and layer.alone_at is None,
        )
        below = below if layer.alone_at else (*below, entry.path / "tree")


def _stand_ins(growth: Growth, tools: Tools) -> StandIns | None:
    """What it takes to make layers for another processor, if there are any to make."""
    if growth.architecture == ARCHITECTURE or all(layer.reused for layer in growth.planned):
        return None
    growth.make_runnable(tools)
    lock = growth.lock
    return StandIns.of(tools, workshop=lock.tools, tree=(*lock.base, *lock.apt))


def _make(
    layer: Layer,
    below: tuple[Path, ...],
    directory: Path,
    *,
    tools: Tools,
    programs: StandIns | None,
    epoch: int,
    reporter: Reporter,
) -> None:
    scratch = directory / "scratch"
    scratch.mkdir()
    with _plain(directory) if layer.apart else tree_mounted(below, directory) as tree:
        other = Foreign(stand_ins=programs, tree=tree, scratch=scratch) if programs else None
        site = Site(tree=tree, tools=tools, scratch=scratch, pool=Pool(), epoch=epoch, reporter=reporter, foreign=other)
        layer.build(site)
        if other:
            other.clean()
    remove_tree(scratch)


@contextmanager
def _plain(directory: Path) -> Iterator[Path]:
    """A tree without a mount: files cannot be linked into one."""
    tree = directory / "tree"
    tree.mkdir()
    yield tree
