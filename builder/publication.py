"""What stands beside an image: compressed form, block map, bill of materials, lock, manifest, checksums."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from builder.checksums import CHECKSUMS
from builder.disk.blockmap import block_map
from builder.disk.extents import Extent
from builder.disk.publish import publish
from builder.lock.model import Lock
from builder.lock.text import lock_text
from builder.manifest import FileRecord, Manifest
from builder.progress import Reporter
from builder.sbom import SUFFIX, sbom

MANIFEST: Final = "manifest.json"


def publish_image(
    image: Path, mapped: tuple[Extent, ...], manifest: Manifest, lock: Lock, *, reporter: Reporter
) -> Manifest:
    """Write everything beside a finished image; returns the manifest with the digests of it all.

    Args:
        image: The disk image.
        mapped: What of it is not zeros, as `assemble` returns it.
        manifest: The manifest without digests.
        lock: What it was made from.
        reporter: Who is told.
    """
    outputs, directory = manifest.recipe.outputs, image.parent
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
        digests[f"{image.name}.bmap"] = write_durably(directory / f"{image.name}.bmap", text)
    name = manifest.recipe.name
    digests[f"{name}.lock"] = write_durably(directory / f"{name}.lock", lock_text(lock))
    described = manifest.model_copy(update={"digests": dict(digests)})
    digests[f"{name}{SUFFIX}"] = write_durably(directory / f"{name}{SUFFIX}", sbom(described, lock))
    finished = manifest.model_copy(update={"digests": digests})
    listed = {**digests, MANIFEST: write_durably(directory / MANIFEST, finished.to_json())}
    write_durably(directory / CHECKSUMS, _sums((name, record.sha256) for name, record in listed.items()))
    return finished


def _sums(records: Iterable[tuple[str, str]]) -> str:
    return "".join(f"{sha256}  {name}\n" for name, sha256 in sorted(records))


def write_durably(path: Path, text: str) -> FileRecord:
    """Write a file to the disk and tell what it is."""
    data = text.encode()
    with path.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    return FileRecord(sha256=hashlib.sha256(data).hexdigest(), size_bytes=len(data))
