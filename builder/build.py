"""A build from end to end: grow the tree, make the image, and let it appear in dist/ only when all of it is there."""

from __future__ import annotations

import hashlib
import logging
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from builder import __version__
from builder.audit.described import declared_facts
from builder.audit.engine import audit_tree, check_findings
from builder.audit.facts import this_host
from builder.contents import channels_of, locks_of, packages_of
from builder.disk.blockmap import block_map
from builder.disk.extents import Extent
from builder.disk.publish import publish
from builder.errors import ArtifactError
from builder.growth import Growth, grow, plan_growth
from builder.host.places import OVERLAYS, cache_directory, package_digest
from builder.host.scratch import scratch, sweep
from builder.host.tools import Tools, ensure_tools
from builder.imaging import Imaging
from builder.manifest import ON_ESP, DiskRecord, FileRecord, Manifest, PartitionRecord, read_manifest
from builder.plan.keys import key_of, seed_of
from builder.plan.layout import Layout
from builder.progress import Reporter
from builder.recipe.load import Loaded

MANIFEST: Final = "manifest.json"
CHECKSUMS: Final = "SHA256SUMS"
LOG: Final = "build.log"


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


def build_image(loaded: Loaded, *, dist: Path, force: bool, reporter: Reporter) -> Built:
    """Build a recipe into `dist/NAME/`. Must run inside the namespace.

    An image whose key is the same is left as it stands, unless `force` is given.

    Raises:
        SatchelError: as the error says; `dist/NAME/` is then as it was before.
    """
    final = dist / loaded.recipe.name
    sweep(dist, _prefix(final))
    with scratch(dist, _prefix(final)) as directory, _logged(directory / LOG):
        tools = ensure_tools(reporter)
        growth = plan_growth(loaded, overlays=OVERLAYS, foundation=tools.identity)
        growth.store.sweep()
        key = _image_key(loaded, growth)
        standing = _standing(final, key)
        if standing is not None and not force:
            return Built(directory=final, manifest=standing, reused=True)
        grow(growth, tools=tools, reporter=reporter)
        with growth.store.scratch("image") as room, growth.tree(room) as tree:
            manifest = _make(loaded, tree, directory, key=key, tools=tools, room=room, reporter=reporter)
        _replace(directory, final)
    return Built(directory=final, manifest=manifest, reused=False)


def _make(
    loaded: Loaded, tree: Path, directory: Path, *, key: str, tools: Tools, room: Path, reporter: Reporter
) -> Manifest:
    recipe = loaded.recipe
    with reporter.step("audit", detail="nothing that only one machine may have"):
        check_findings(audit_tree(tree, declared_facts(recipe, this_host(cache_directory()))))
    imaging = Imaging(recipe=recipe, tree=tree, tools=tools, scratch=room, epoch=_epoch(), reporter=reporter)
    layout = imaging.layout()
    packages, channels = packages_of(tree, recipe), channels_of(tree, recipe)
    manifest = Manifest(
        satchel=__version__,
        key=key,
        recipe=recipe,
        params=dict(loaded.params),
        locks=locks_of(packages, channels, tools=tools.identity),
        packages=packages,
        disk=_disk_record(loaded, layout),
        boot=recipe.disk.boot,
        checks=recipe.checks,
        content=channels,
    )
    image = directory / f"{recipe.name}.img"
    mapped = imaging.make(layout, image, on_esp={ON_ESP: manifest.to_json().encode()})
    digests = _publish(loaded, image, mapped, reporter)
    finished = manifest.model_copy(update={"digests": digests})
    _write(directory / MANIFEST, finished.to_json())
    sums = {name: record.sha256 for name, record in digests.items()}
    sums[MANIFEST] = hashlib.sha256(finished.to_json().encode()).hexdigest()
    _write(directory / CHECKSUMS, "".join(f"{digest}  {name}\n" for name, digest in sorted(sums.items())))
    return finished


def _publish(loaded: Loaded, image: Path, mapped: tuple[Extent, ...], reporter: Reporter) -> dict[str, FileRecord]:
    """Checksums, the compressed image and the block map, in one pass over the image."""
    outputs = loaded.recipe.outputs
    zst = image.with_name(f"{image.name}.zst") if outputs.zst else None
    with reporter.step("checksums and compression" if zst else "checksums"):
        published = publish(image, mapped, zst=zst, level=outputs.zst_level, reporter=reporter)
    digests = {image.name: FileRecord(sha256=published.sha256, size_bytes=published.size_bytes)}
    if zst is not None:
        assert published.zst_sha256 is not None
        assert published.zst_bytes is not None
        digests[zst.name] = FileRecord(sha256=published.zst_sha256, size_bytes=published.zst_bytes)
    if outputs.bmap:
        text = block_map(published.ranges, image_bytes=published.size_bytes)
        bmap = image.with_name(f"{image.name}.bmap")
        _write(bmap, text)
        digests[bmap.name] = FileRecord(sha256=hashlib.sha256(text.encode()).hexdigest(), size_bytes=len(text))
    return digests


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


def _image_key(loaded: Loaded, growth: Growth) -> str:
    """Everything that decides the image besides the tree: the recipe, the seed, the time if it is fixed, our code."""
    parts = {
        "recipe": loaded.recipe.model_dump_json(),
        "seed": str(seed_of(loaded.recipe.name)),
        "epoch": os.environ.get("SOURCE_DATE_EPOCH", ""),
        "satchel": package_digest(),
    }
    return key_of(parts, below=growth.key)


def _epoch() -> int:
    """The time that everything in the image bears: `$SOURCE_DATE_EPOCH` (reproducible-builds.org), else now."""
    return int(os.environ.get("SOURCE_DATE_EPOCH") or time.time())


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


def _write(path: Path, text: str) -> None:
    with path.open("w") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
