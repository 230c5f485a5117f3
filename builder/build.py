"""A build from end to end: grow the tree, make the image, and let it appear in dist/ only when all of it is there."""

from __future__ import annotations

import hashlib
import json
import logging
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from builder import __version__
from builder.audit.described import declared_facts
from builder.audit.engine import audit_tree, check_findings
from builder.audit.facts import this_host
from builder.contents import channels_of, packages_of
from builder.errors import ArtifactError, HostError
from builder.growth import Growth, grow, plan_growth
from builder.host.places import OVERLAYS, cache_directory, code_below
from builder.host.pool import Pool
from builder.host.scratch import scratch, sweep
from builder.host.tools import Tools, ensure_workshop, find_workshop, workshop_identity
from builder.imaging import CODE, Imaging
from builder.lock.model import Deb, Lock, Wheel
from builder.lock.text import lock_text
from builder.manifest import ON_ESP, DiskRecord, Manifest, PartitionRecord, portable, read_manifest
from builder.plan.keys import key_of
from builder.plan.layout import Layout
from builder.progress import Recorder, Reporter
from builder.publication import MANIFEST, publish_image, write_durably
from builder.recipe.load import Loaded
from builder.report.facts import REPORT, ReportFacts, Timing
from builder.report.page import render as render_report
from builder.report.sizes import shares_of
from builder.report.usage import usage_of
from builder.supply import Supply
from builder.together import together

LOG: Final = "build.log"

_CODE: Final = ("audit", "build.py", "contents.py", "manifest.py", "publication.py", "recipe/model.py", "sbom.py")
"""What of Satchel decides the image besides its layers and partitions."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Built:
    """A finished image: where it stands, and whether it was there already."""

    directory: Path
    manifest: Manifest
    reused: bool

    @property
    def image(self) -> Path:
        """The disk image."""
        return self.directory / f"{self.manifest.recipe.name}.img"


def build_image(
    loaded: Loaded,
    supply: Supply,
    *,
    dist: Path,
    overlays: Path = OVERLAYS,
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
        force: Make the image again even if nothing changed.
        reporter: Who is told.

    Raises:
        SatchelError: as the error says; `dist/NAME/` is then as it was before.
    """
    final = dist / loaded.recipe.name
    known = None if force else supply.known()
    standing = None if known is None else _standing(final, _planned(loaded, known, overlays)[1])
    if standing is not None:
        return Built(directory=final, manifest=standing, reused=True)
    sweep(dist, _prefix(final))
    recorder = Recorder(reporter)
    with scratch(dist, _prefix(final)) as directory, _logged(directory / LOG):
        lock = supply.supplied(lambda wanted: _needed(loaded, wanted, overlays))
        _refuse_early_clock(lock)
        tools = ensure_workshop(lock.tools, Pool(), recorder)
        growth, key = _planned(loaded, lock, overlays)
        growth.store.sweep()
        grow(growth, tools=tools, reporter=recorder)
        with growth.store.scratch("image") as room, growth.tree(room) as tree:
            work = _Work(loaded=loaded, lock=lock, growth=growth, tree=tree, tools=tools, reporter=recorder)
            manifest = _make(work, directory, key=key)
            _write_report(work, directory, manifest)
        _replace(directory, final)
    return Built(directory=final, manifest=manifest, reused=False)


def _needed(loaded: Loaded, lock: Lock, overlays: Path) -> Iterator[Deb | Wheel]:
    """The files that the build will use: a layer that is there already needs none."""
    if find_workshop(lock.tools) is None:
        yield from lock.tools
    growth, _ = _planned(loaded, lock, overlays)
    missing = {layer.name for layer in growth.planned if not layer.reused}
    if missing & {"base", "apt"}:
        yield from (*lock.base, *lock.apt)
    yield from (wheel for wheel in lock.wheels if f"pip {wheel.venv}" in missing)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Work:
    """All that a finished tree needs on its way to an image."""

    loaded: Loaded
    lock: Lock
    growth: Growth
    tree: Path
    tools: Tools
    reporter: Recorder


def _planned(loaded: Loaded, lock: Lock, overlays: Path) -> tuple[Growth, str]:
    """The layers, and the key of the image: all that decides it besides the tree."""
    growth = plan_growth(loaded, lock, overlays=overlays, foundation=workshop_identity(lock.tools))
    parts = {
        "recipe": portable(loaded.recipe).model_dump_json(),
        "params": json.dumps(dict(loaded.params), sort_keys=True),
        "lock": _digest(lock_text(lock)),
        "code": code_below(*CODE, *_CODE),
    }
    return growth, key_of(parts, below=growth.key)


def _make(work: _Work, directory: Path, *, key: str) -> Manifest:
    loaded, recipe, reporter, tree = work.loaded, work.loaded.recipe, work.reporter, work.tree
    imaging = Imaging(
        recipe=recipe,
        growth=work.growth,
        tree=tree,
        tools=work.tools,
        scratch=directory,
        epoch=work.lock.date,
        reporter=reporter,
    )
    layout = imaging.layout()
    manifest = Manifest(
        satchel=__version__,
        recipe=portable(recipe),
        params=dict(loaded.params),
        lock=_digest(lock_text(work.lock)),
        date=work.lock.date,
        packages=packages_of(tree, recipe),
        disk=_disk_record(loaded, layout),
        boot=recipe.disk.boot,
        checks=recipe.checks,
        content=channels_of(tree, recipe),
    )

    def audited() -> None:
        with reporter.step("audit", detail="nothing that only one machine may have"):
            check_findings(audit_tree(tree, declared_facts(recipe, this_host(cache_directory()))))

    # The file systems first: the largest of them takes longest, and looking at the tree needs only one processor.
    done = together({**imaging.jobs(layout), "": audited})
    pieces = {name: piece for name, piece in done.items() if piece is not None}
    image = directory / f"{recipe.name}.img"
    mapped = imaging.assemble(layout, pieces, image, on_esp={ON_ESP: manifest.to_json().encode()})
    imaging.clean()
    return publish_image(image, mapped, manifest.model_copy(update={"key": key}), work.lock, reporter=reporter)


def _write_report(work: _Work, directory: Path, manifest: Manifest) -> None:
    """The page for people. It tells of this build on this machine, so nothing that can be made again names it."""
    layers = [(layer.name, tree) for layer, tree in zip(work.growth.planned, work.growth.stack(), strict=True)]
    facts = ReportFacts(
        manifest=manifest,
        lock=work.lock,
        timings=tuple(_timings(work)),
        shares=shares_of(layers, manifest),
        usage=usage_of(directory / f"{manifest.recipe.name}.img", manifest.disk),
    )
    write_durably(directory / REPORT, render_report(facts))


def _timings(work: _Work) -> Iterator[Timing]:
    for layer in work.growth.planned:
        if layer.reused:
            yield Timing(name=layer.name, start_s=0, end_s=0, verdict="reused", reason=layer.reason)
    for step in work.reporter.steps:
        yield Timing(name=step.name, start_s=step.start_s, end_s=step.end_s, verdict="made", reason=step.detail)


def _disk_record(loaded: Loaded, layout: Layout) -> DiskRecord:
    described = {partition.name: partition for partition in loaded.recipe.disk.partitions}
    return DiskRecord(
        table=loaded.recipe.disk.table,
        guid=str(layout.disk_guid),
        size_bytes=layout.size_bytes,
        partitions=tuple(
            PartitionRecord(
                number=placed.number,
                name=placed.name,
                type=placed.type,
                guid=str(placed.guid),
                start_bytes=placed.start_bytes,
                size_bytes=placed.size_bytes,
                filesystem=placed.filesystem,
                filesystem_uuid=placed.filesystem_uuid,
                label=placed.label,
                mount=placed.mount,
                options=described[placed.name].options,
                data=placed.data,
                grow=placed.grow,
                subvolumes=described[placed.name].subvolumes,
            )
            for placed in layout.partitions
        ),
    )


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


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
