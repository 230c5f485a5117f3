"""A small recipe with one image, which tests lock and fetch as a build does."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from builder.host.pool import Pool
from builder.lock.apt import Upgrade
from builder.lock.images import ResolvedImage, fetch_images, resolve_images
from builder.lock.model import Blob
from builder.progress import Reporter
from builder.recipe.load import Loaded, load_recipe

SMALL = Path(__file__).parents[2] / "golden/bad/lib"
NAME = "docker.io/school/app:1"


def recipe(directory: Path, *, driver: str = "overlay", **more: Any) -> Loaded:
    """The recipe; `more` is said about its image."""
    path = directory / "recipe.yml"
    text = {
        "version": 1,
        "name": "small",
        "description": "A small server",
        "extends": [str(SMALL / "small.yml"), str(SMALL / "podman.yml")],
        "containers": {"driver": driver, "images": [{"name": NAME, **more}]},
    }
    path.write_text(json.dumps(text))
    return load_recipe(path)


def resolved(loaded: Loaded, pool: Pool) -> ResolvedImage:
    """The image as it is now."""
    found = resolve_images(
        loaded, earlier=None, as_before=lambda _: False, upgrade=Upgrade(), pool=pool, reporter=Reporter()
    )
    return next(iter(found))


def fetch(loaded: Loaded, blobs: Sequence[Blob], pool: Pool, *, offline: bool = False, reporter: Any = None) -> None:
    """Bring what is missing."""
    fetch_images(loaded, blobs, offline=offline, pool=pool, reporter=reporter or Reporter())


def held(pool: Pool, blobs: Sequence[Blob]) -> dict[str, bytes]:
    """What the pool has, by digest."""
    return {f"sha256:{blob.sha256}": pool.verified(blob).read_bytes() for blob in blobs}
