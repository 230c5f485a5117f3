"""Stores of images filled by skopeo, as podman will read them; and images of many layers made into one of one layer."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from builder.host.namespace import tree_mounted
from builder.host.places import remove_tree
from builder.host.sandbox import Mount
from builder.host.tools import WORK
from builder.layers.site import Site
from builder.oci import layout
from builder.oci.layout import OnDisk, write_head
from builder.oci.model import Manifest, parse_manifest
from builder.oci.pack import pack
from builder.oci.store import stack_of
from builder.oci.writing import Packed, write_squashed

_LAYOUT: Final = f"{WORK}/layout"
_STORE: Final = f"{WORK}/store"

_AS_ROOTLESS: Final = {"_CONTAINERS_USERNS_CONFIGURED": "done", "_CONTAINERS_ROOTLESS_UID": "1"}
"""Root of a namespace of users is taken for root of the machine, who may set more attributes, unless it is told."""


def fill(site: Site, images: Sequence[OnDisk], store: Path, *, driver: str) -> None:
    """Unpack images into an empty store; `driver` is one that needs no file system of its own: overlay or vfs."""
    store.mkdir(parents=True)
    head, room = site.scratch / "head", site.scratch / "room"
    head.mkdir()
    room.mkdir()
    write_head(head, images)
    inside = site.workshop(
        *_layout(head, images),
        Mount(target=_STORE, source=store, writable=True),
        Mount(target="/var/tmp", source=room, writable=True),
    )
    for image in images:
        command = (
            *("skopeo", "copy", "--quiet", "--insecure-policy", f"oci:{_LAYOUT}:{image.name}"),
            f"containers-storage:[{driver}@{_STORE}+/run/storage]{image.name}",
        )
        inside.run(command, why=f"unpack {image.name}", env=_AS_ROOTLESS)
    remove_tree(head)
    remove_tree(room)


def squashed(site: Site, images: Sequence[OnDisk]) -> tuple[OnDisk, ...]:
    """The same images with one layer each: where every layer is a whole tree, each further one would cost as much."""
    many = [image for image in images if len(_manifest(image).layers) > 1]
    if not many:
        return tuple(images)
    store = site.scratch / "layered"
    fill(site, many, store, driver="overlay")
    done = {image.name: _squashed(site, image, store) for image in many}
    remove_tree(store)
    return tuple(done.get(image.name, image) for image in images)


def _squashed(site: Site, image: OnDisk, store: Path) -> OnDisk:
    files = site.scratch / image.digest.removeprefix("sha256:")
    files.mkdir()
    merged, packed = files / "merged", files / "layer"
    merged.mkdir()
    with tree_mounted(stack_of(store, image.name), merged) as tree:
        pack(tree, packed, epoch=site.epoch)
    remove_tree(merged)
    with packed.open("rb") as file:
        sha256 = hashlib.file_digest(file, "sha256").hexdigest()
    layer = Packed(
        made_by=f"all layers of {image.digest}", path=files / sha256, sha256=sha256, size_bytes=packed.stat().st_size
    )
    packed.rename(layer.path)
    config = image.files[_manifest(image).config.sha256].read_bytes()
    digest = write_squashed(files, layer, config, epoch=site.epoch)
    return OnDisk(name=image.name, digest=digest, files={path.name: path for path in files.iterdir()})


def _manifest(image: OnDisk) -> Manifest:
    found = parse_manifest(image.manifest.read_bytes())
    assert isinstance(found, Manifest)
    return found


def _layout(head: Path, images: Sequence[OnDisk]) -> Sequence[Mount]:
    files = {sha256: path for image in images for sha256, path in image.files.items()}
    blobs = (Mount(target=f"{_LAYOUT}/blobs/sha256/{sha256}", source=path) for sha256, path in files.items())
    names = (Mount(target=f"{_LAYOUT}/{name}", source=head / name) for name in (layout.MARK, layout.INDEX))
    return (*names, *blobs)
