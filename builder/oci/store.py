"""A store of images as podman has it, made the same by everybody (containers/storage, as of podman 5.4).

skopeo fills it. What it writes differs from run to run in three things, none of which means anything: random short
names of layers, the time when each was unpacked, and who wrote last. They become what follows from the layers.
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

_SHORT: Final = 26
"""Letters of a short name: a kernel takes only a page of mount options, and 64 layers must fit."""


def settle_overlay(store: Path, *, epoch: int) -> None:
    """Settle a store of the driver overlay; `epoch`, seconds since 1970, is when it was made."""
    links = store / "overlay/l"
    new: dict[str, str] = {}
    for link in sorted(links.iterdir()):
        layer = link.readlink().parts[-2]
        new[link.name] = _short(layer)
        target = link.readlink()
        link.unlink()
        (links / new[link.name]).symlink_to(target)
    for layer_directory in sorted((store / "overlay").iterdir()):
        for name in ("link", "lower"):
            path = layer_directory / name
            if path.is_file():
                path.write_text(_replaced(path.read_text(), new))
    # Whether a program of FUSE was needed here, which says nothing of the device.
    (store / "overlay/.has-mount-program").unlink(missing_ok=True)
    _settle(store, "overlay", epoch)


def settle_btrfs(store: Path, *, epoch: int) -> None:
    """Make a store of the driver vfs one of the driver btrfs, whose layers must then become subvolumes.

    Both keep a whole tree for each layer, under other names.
    """
    for path in sorted(store.glob("vfs*")):
        path.rename(path.with_name(path.name.replace("vfs", "btrfs", 1)))
    (store / "btrfs/dir").rename(store / "btrfs/subvolumes")
    _settle(store, "btrfs", epoch)


def subvolumes_of(store: Path) -> tuple[str, ...]:
    """The directories of a store that must be subvolumes, relative to it: those of the driver btrfs."""
    return tuple(path.relative_to(store).as_posix() for path in sorted(store.glob("btrfs/subvolumes/*")))


def stack_of(store: Path, image: str) -> tuple[Path, ...]:
    """The directories that the layers of an image are in, the lowest first; of a store of the driver overlay."""
    images = json.loads((store / "overlay-images/images.json").read_text())
    parents = {layer["id"]: layer.get("parent", "") for layer in json.loads(_listing(store, "overlay").read_text())}
    layer = next(each["layer"] for each in images if image in each["names"])
    found: list[Path] = []
    while layer:
        found.append(store / f"overlay/{layer}/diff")
        layer = parents[layer]
    return tuple(reversed(found))


def _listing(store: Path, driver: str) -> Path:
    return store / f"{driver}-layers/layers.json"


def _settle(store: Path, driver: str, epoch: int) -> None:
    listing = _listing(store, driver)
    layers: list[dict[str, Any]] = json.loads(listing.read_text())
    made = datetime.fromtimestamp(epoch, UTC).isoformat().replace("+00:00", "Z")
    for layer in layers:
        layer["created"] = made
    listing.write_text(json.dumps(layers))
    for lock in store.rglob("*.lock"):
        os.truncate(lock, 0)


def _short(layer: str) -> str:
    return base64.b32encode(hashlib.sha256(layer.encode()).digest()).decode()[:_SHORT]


def _replaced(text: str, new: dict[str, str]) -> str:
    """Short names stand alone (`link`) or in `l/NAME:l/NAME` (`lower`)."""
    return ":".join("/".join(new.get(part, part) for part in path.split("/")) for path in text.split(":"))
