"""A build from end to end: leave what stands if it was made from the same; else grow the tree, make the image, and let
it appear in dist/ only when all of it is there.
"""

from __future__ import annotations

import json
import logging
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Final

from builder.errors import ArtifactError, HostError
from builder.growth import Growth, grow, needed_files, plan_growth
from builder.host.places import OVERLAYS, code_below
from builder.host.pool import Pool
from builder.host.scratch import scratch, sweep
from builder.host.tools import ensure_workshop, workshop_identity
from builder.lock.model import Lock, Locked, LockedChannel, LockedTree
from builder.lock.text import lock_digest
from builder.manifest import MANIFEST, Manifest, portable, read_manifest
from builder.own_code import OF_IMAGES
from builder.plan.keys import key_of
from builder.progress import Recorder, Reporter
from builder.recipe.load import Loaded
from builder.shortages import refuse_what_does_not_fit
from builder.sizing import missing_packages, plan_sizes
from builder.supply import Supply

LOG: Final = "build.log"


@dataclass(frozen=True, slots=True, kw_only=True)
class Built:
    """A finished image: where it stands, and whether it was there already."""

    directory: Path
    manifest: Manifest
    reused: bool

    @property
    def image(self) -> Path:
        """The disk image, or the descriptor of a split one."""
        return self.directory / self.manifest.image


def build_image(
    loaded: Loaded,
    supply: Supply,
    *,
    dist: Path,
    overlays: Path = OVERLAYS,
    split: bool = False,
    force: bool = False,
    reporter: Reporter,
) -> Built:
    """Build a recipe into `dist/NAME/`. Must run inside the namespace.

    An image whose key is the same is left as it stands, unless `force` is given; nothing is fetched for it.

    Args:
        loaded: The recipe.
        supply: Where its lock comes from, and the files that the lock names.
        dist: The directory of finished images.
        overlays: The directory of overlays.
        split: Leave the image in parts.
        force: Make the image again even if nothing changed.
        reporter: Who is told.

    Raises:
        SatchelError: as the error says; `dist/NAME/` is then as it was before.
    """
    final = dist / loaded.recipe.name
    plans = _Plans(loaded, dist=dist, overlays=overlays, split=split, reporter=reporter)
    known = None if force else supply.known()
    standing = None if known is None else _standing(final, plans.of(known).key)
    if standing is not None:
        return Built(directory=final, manifest=standing, reused=True)
    sweep(dist, _prefix(final))
    recorder = Recorder(reporter)
    with scratch(dist, _prefix(final)) as directory, _logged(directory / LOG):
        agreed = partial(plans.refuse_what_does_not_fit, offline=supply.offline)
        lock = supply.supplied(plans.needed, agreed=agreed)
        _refuse_early_clock(lock)
        tools = ensure_workshop(lock.tools, Pool(), recorder)
        plan = plans.of(lock)
        growth = plan.growth
        growth.store.sweep()
        grow(growth, tools=tools, reporter=recorder)
        # Loaded only now, because that takes as long as finding an image that stands already.
        from builder.making import Maker  # noqa: PLC0415

        with growth.store.scratch("image") as room, growth.tree(room) as tree:
            maker = Maker(loaded=loaded, lock=lock, growth=growth, tree=tree, tools=tools, reporter=recorder)
            manifest = maker.make(directory, key=plan.key, split=split)
        _replace(directory, final)
    return Built(directory=final, manifest=manifest, reused=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Plan:
    growth: Growth
    key: str
    """Of the image: all that decides it, besides the tree and with it."""


class _Plans:
    """The plan of a build for each lock that is considered, made once, because it reads every overlay."""

    def __init__(self, loaded: Loaded, *, dist: Path, overlays: Path, split: bool, reporter: Reporter) -> None:
        self._loaded = loaded
        self._dist = dist
        self._reporter = reporter
        self._overlays = overlays
        self._split = split
        self._made: dict[str, _Plan] = {}

    def of(self, lock: Lock) -> _Plan:
        """The plan for a lock."""
        digest = lock_digest(lock)
        if digest not in self._made:
            foundation = workshop_identity(lock.tools)
            growth = plan_growth(self._loaded, lock, overlays=self._overlays, foundation=foundation)
            parts = {
                "recipe": portable(self._loaded.recipe).model_dump_json(),
                "params": json.dumps(dict(self._loaded.params), sort_keys=True),
                "lock": digest,
                "code": code_below(*OF_IMAGES),
                "form": "split" if self._split else "whole",
            }
            self._made[digest] = _Plan(growth=growth, key=key_of(parts, below=growth.key))
        return self._made[digest]

    def needed(self, lock: Lock) -> Iterator[Locked]:
        """The files of the lock that the build will use."""
        return needed_files(self.of(lock).growth)

    def refuse_what_does_not_fit(self, lock: Lock, *, offline: bool) -> None:
        """Before anything is fetched; without content to fetch, building is the quicker way to find out.

        Raises:
            PlanError: the content does not fit its partition, or the image not the card.
            HostError: the disks of this machine cannot hold what the build would write.
        """
        growth = self.of(lock).growth
        needed = tuple(needed_files(growth))
        if not any(isinstance(each, LockedChannel | LockedTree) for each in needed):
            return
        with growth.store.scratch("sizes") as room:
            plan = plan_sizes(
                self._loaded,
                lock.channels,
                lock.trees,
                room=room,
                dist=self._dist,
                packages_bytes=missing_packages(needed),
                split=self._split,
                offline=offline,
                reporter=self._reporter,
            )
            refuse_what_does_not_fit(plan)


def _refuse_early_clock(lock: Lock) -> None:
    """What is made before the date of the lock would bear times that differ from build to build."""
    now = time.time()
    if now < lock.date:
        here, then = (datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M") for seconds in (now, lock.date))
        raise HostError(
            f"this machine's clock says {here} UTC, but the lock of {lock.recipe} was made at {then} UTC",
            hint="set the clock",
        )


def _standing(final: Path, key: str) -> Manifest | None:
    """The manifest of the image that stands there, if it was made from the same key and is still whole."""
    try:
        manifest = read_manifest(final / MANIFEST)
    except ArtifactError:
        # Nothing stands there, or something of another version of Satchel; both are made anew.
        return None
    sizes = {name: record.size_bytes for name, record in manifest.digests.items()}
    whole = all((final / name).is_file() and (final / name).stat().st_size == size for name, size in sizes.items())
    return manifest if manifest.key == key and whole else None


def _prefix(final: Path) -> str:
    """Names of unfinished directories beside the final one."""
    return f".{final.name}.unfinished-"


def _replace(directory: Path, final: Path) -> None:
    """Put a whole directory in the place of another; what lies below a final name is always whole."""
    os.sync()
    with scratch(final.parent, _prefix(final)) as aside:
        if final.exists():
            final.rename(aside / "old")
        directory.rename(final)


@contextmanager
def _logged(path: Path) -> Iterator[None]:
    """Everything that programs print goes to a log beside the image."""
    handler = logging.FileHandler(path)
    handler.setFormatter(logging.Formatter("%(asctime)s %(message)s"))
    logger = logging.getLogger("builder")
    logger.addHandler(handler)
    logger.setLevel(logging.DEBUG)
    try:
        yield
    finally:
        logger.removeHandler(handler)
        handler.close()
