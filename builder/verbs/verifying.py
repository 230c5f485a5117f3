"""Verbs that prove where an image comes from: build it again and compare."""

from __future__ import annotations

import json
from argparse import Namespace
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from builder.artifact import find_image, read_embedded_manifest
from builder.build import build_image
from builder.bundle import open_bundle
from builder.checksums import check_sums
from builder.compare.images import Differences, compare_images
from builder.disk.read import read_table
from builder.errors import ArtifactError, VerifyFailed
from builder.host.namespace import enter
from builder.host.places import OVERLAYS, separate_cache
from builder.host.pool import Pool
from builder.host.store import Store
from builder.host.tools import ensure_workshop, find_workshop
from builder.lock.model import Lock
from builder.lock.text import lock_digest, read_lock
from builder.options import Verbs
from builder.progress import Reporter, reporter_for
from builder.recipe.load import Loaded, load_recipe
from builder.signing import check_signature, trusted_keyring
from builder.supply import FixedSupply
from builder.verbs.common import DIST, recipe_path

_SHARED = ("pool", "workshop")
"""What a build to compare with may share with earlier ones: downloads by their hash, and programs made from them."""

_SHOWN = 40
"""Differences of one kind that are shown; `--json` has all."""


def declare(family: Verbs) -> None:
    """Add the verbs of this module."""
    verb = family.add(
        "verify",
        verify,
        "prove that an image is what its recipe and lock make: build it again, from nothing, and compare",
        "verify kolibri-pc",
        "verify /media/usb/kolibri-pc.img --bundle kolibri-pc.tar --offline",
        "verify kolibri-pc --keyring ministry.gpg --json",
    )
    verb.takes_image()
    verb.add_argument("--bundle", metavar="FILE", help="the bundle to build from (the recipe and lock of this machine)")
    verb.add_argument("--keyring", metavar="FILE", help="first check the signature of SHA256SUMS beside the image")
    verb.add_argument("--offline", action="store_true", help="never use the network; say what is missing instead")
    verb.shows_progress()
    verb.speaks_json()


@dataclass(frozen=True, slots=True, kw_only=True)
class _Origin:
    """What an image claims to be made from."""

    loaded: Loaded
    lock: Lock
    overlays: Path
    offline: bool


def verify(arguments: Namespace) -> int:
    """Build an image again and compare."""
    image = find_image(arguments.image, dist=DIST).absolute()
    reporter = reporter_for(arguments.progress)
    if arguments.keyring:
        signature = check_signature(image.parent, trusted_keyring(arguments.keyring))
        check_sums(image.parent, reporter)
        reporter.note(f"signed by {signature.signer} ({signature.fingerprint})")
    table = read_table(image)
    enter()
    with ExitStack() as stack:
        room = stack.enter_context(Store("layers").scratch("verify"))
        origin = _origin(arguments, image, room, reporter)
        supply = FixedSupply(loaded=origin.loaded, lock=origin.lock, offline=origin.offline, reporter=reporter)
        supply.supplied(lambda lock: () if find_workshop(lock.tools) else lock.tools)
        manifest = read_embedded_manifest(ensure_workshop(origin.lock.tools, Pool(), reporter), image, table)
        if manifest.lock != lock_digest(origin.lock):
            raise ArtifactError(
                f"{image} was made from another lock than the one that is given",
                details=f"the image names {manifest.lock}",
                hint="give the bundle that was packed for this image: --bundle FILE",
            )
        cache = room / "cache"
        cache.mkdir()
        stack.enter_context(separate_cache(cache, shared=_SHARED))
        loaded = origin.loaded
        if not arguments.bundle:
            # The values that were chosen are known only now; a bundle has its own.
            values = {name: _written(value) for name, value in manifest.params.items()}
            loaded = load_recipe(loaded.source, settings=values)
        built = build_image(loaded, supply, dist=room / "dist", overlays=origin.overlays, force=True, reporter=reporter)
        differences = compare_images(image, built.image, reporter=reporter)
        digest = built.manifest.digests[built.image.name].sha256
    _tell(image, digest, differences, as_json=arguments.json)
    return 0


def _written(value: str | int | bool) -> str:
    """A parameter's value as a person writes it behind `--set`."""
    return str(value).lower() if isinstance(value, bool) else str(value)


def _origin(arguments: Namespace, image: Path, room: Path, reporter: Reporter) -> _Origin:
    if arguments.bundle:
        there = open_bundle(Path(arguments.bundle), pool=Pool(), into=room / "bundle", reporter=reporter)
        return _Origin(loaded=there.loaded, lock=there.lock, overlays=there.overlays, offline=True)
    path = image.with_suffix(".lock")
    lock = read_lock(path)
    if lock is None:
        raise ArtifactError(
            f"there is no {path.name} beside {image}", hint="give the bundle of the image: --bundle FILE"
        )
    loaded = load_recipe(recipe_path(lock.recipe))
    return _Origin(loaded=loaded, lock=lock, overlays=OVERLAYS, offline=arguments.offline)


def _tell(image: Path, digest: str, differences: Differences, *, as_json: bool) -> None:
    if as_json:
        print(json.dumps({"image": str(image), "sha256": digest, **differences.as_dict()}, indent=1))
    elif differences.equal:
        print(f"{image} is byte for byte what its recipe and lock make\nsha256 {digest}")
    if not differences.equal:
        raise VerifyFailed(
            f"{image} is not what its recipe and lock make",
            details="\n".join(differences.sentences(limit=_SHOWN)),
        )
