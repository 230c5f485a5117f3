"""Images of containers, unpacked into the store that podman reads: a partition of its own.

It is made without a daemon and without root, so podman's own marks need care. Where a layer of an image removes a file
of one below, an overlay on the device wants a device node, and attributes that only root of the device may set: the
nodes are made here, the attributes get their names when the file system is made (see `disk/steady.c`). Both would mean
something in a tree of ours, too, so this layer is never stacked with others.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final, Protocol

from builder.errors import PlanError
from builder.host.pool import Pool
from builder.host.tools import Tools
from builder.layers import stores
from builder.layers.site import Layer, Site, code_digest
from builder.layers.stores import fill, squashed
from builder.lock.model import Blob, LockedImage
from builder.oci import contents, layout, pack, store, writing
from builder.oci.contents import examine
from builder.oci.layout import OnDisk
from builder.oci.model import WrongImage
from builder.oci.store import settle_btrfs, settle_overlay
from builder.progress import Reporter
from builder.recipe.containers import Containers
from builder.together import Job

STORE: Final = "storage"
"""Below the mount point; podman's graph root."""


_CODE: Final = (stores, contents, layout, pack, store, writing)
"""What else decides how a store looks."""


class Maker(Protocol):
    """Makes an image from packages."""

    @property
    def key(self) -> str:
        """Of everything that decides the image."""

    def make(self, *, tools: Tools, pool: Pool, reporter: Reporter) -> OnDisk:
        """The image; made now if it is not in the cache."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Images:
    """All images of a recipe, wherever they come from."""

    locked: tuple[LockedImage, ...]
    blobs: tuple[Blob, ...]
    built: Mapping[str, Maker]
    """Those that are built here, by name."""

    def parts(self) -> dict[str, str]:
        """Parts of the key of whatever is made of them."""
        brought = {f"image {image.name}": image.digest for image in self.locked}
        return {**brought, **{f"image {name}": maker.key for name, maker in self.built.items()}}

    def one(self, name: str, *, tools: Tools, pool: Pool, reporter: Reporter) -> OnDisk | None:
        """The image with this name, if there is one."""
        if maker := self.built.get(name):
            return maker.make(tools=tools, pool=pool, reporter=reporter)
        return next((self._brought(image, pool) for image in self.locked if image.name == name), None)

    def on_disk(self, site: Site) -> tuple[OnDisk, ...]:
        """All of them, looked through.

        Raises:
            PlanError: an image has what no image may have.
        """
        brought = tuple(self._brought(image, site.pool) for image in self.locked)
        layers = {blob.sha256: blob for blob in self.blobs if blob.kind == "layer"}
        with site.reporter.amount("look through images", sum(blob.size_bytes for blob in layers.values())) as advance:
            for blob in layers.values():
                try:
                    examine(site.pool.path(blob.sha256))
                except WrongImage as wrong:
                    raise PlanError(f"{blob.image} cannot be taken: {wrong}") from wrong
                advance(blob.size_bytes)
        made = (maker.make(tools=site.tools, pool=site.pool, reporter=site.reporter) for maker in self.built.values())
        return (*brought, *made)

    def _brought(self, image: LockedImage, pool: Pool) -> OnDisk:
        files = {blob.sha256: pool.verified(blob) for blob in self.blobs if blob.image == image.name}
        return OnDisk(name=image.name, digest=image.digest, files=files)


@dataclass(frozen=True, slots=True, kw_only=True)
class ContainersLayer(Layer):
    """All images of a recipe, unpacked."""

    containers: Containers
    images: Images
    name: str = "containers"

    @property
    def apart(self) -> bool:
        """See `Layer`."""
        return True

    @property
    def alone_at(self) -> str:
        """See `Layer`."""
        return self.containers.store

    def parts(self) -> Mapping[str, str]:
        """Every image, how they are kept, and the code that does it."""
        kept = {"driver": self.containers.driver, "store": self.containers.store}
        return {**self.images.parts(), **kept, "code": code_digest(ContainersLayer, *_CODE)}

    def beforehand(self, *, tools: Tools, pool: Pool, reporter: Reporter) -> Mapping[str, Job[object]]:
        """The images that are built here."""
        return {
            name: partial(maker.make, tools=tools, pool=pool, reporter=reporter)
            for name, maker in self.images.built.items()
        }

    def build(self, site: Site) -> None:
        """Unpack.

        Raises:
            PlanError: an image has what no image may have.
        """
        images = self.images.on_disk(site)
        place = site.tree / self.containers.store.lstrip("/") / STORE
        if self.containers.driver == "overlay":
            fill(site, images, place, driver="overlay")
            settle_overlay(place, epoch=site.epoch)
        else:
            fill(site, squashed(site, images), place, driver="vfs")
            settle_btrfs(place, epoch=site.epoch)


def nested_subvolumes(directory: Path) -> tuple[str, ...]:
    """The directories that must be subvolumes if this one is the mount point of a store; relative to it."""
    return tuple(f"{STORE}/{path}" for path in store.subvolumes_of(directory / STORE))
