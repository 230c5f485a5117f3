"""What stands beside an image: other forms of it, block map, bill of materials, lock, manifest, checksums."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final

from pydantic import TypeAdapter

from builder.azure import TEMPLATE_SUFFIX, azure_template
from builder.checksums import CHECKSUMS
from builder.disk import qcow2, vhd
from builder.disk.blockmap import block_map
from builder.disk.extents import Extent
from builder.disk.image import disk_image
from builder.disk.publish import Published, Range, publish
from builder.disk.split import Part
from builder.host.places import code_below
from builder.host.store import Store
from builder.host.tools import Tools
from builder.lock.model import Lock
from builder.lock.text import lock_text
from builder.manifest import MANIFEST, FileRecord, Manifest
from builder.plan.keys import key_of
from builder.progress import Reporter
from builder.recipe.model import Outputs, Recipe
from builder.sbom import SUFFIX, sbom

_SUMS: Final = "sums.json"
_PUBLISHED: Final = TypeAdapter(Published)


@dataclass(frozen=True, slots=True, kw_only=True)
class Summed:
    """The files that make up an image, with their checksums, and one for each mapped range of the disk."""

    digests: Mapping[str, FileRecord]
    ranges: tuple[Range, ...]
    size_bytes: int
    """Of the disk."""


def sum_whole(
    image: Path, mapped: tuple[Extent, ...], outputs: Outputs, *, date: int = 0, reporter: Reporter
) -> Summed:
    """Hash an image, and compress it or make a VHD of it if that is asked for.

    Args:
        image: The image.
        mapped: What of it is not zeros.
        outputs: What is asked for.
        date: When a VHD was made, in seconds since 1970.
        reporter: Who is told.
    """
    zst = image.with_name(f"{image.name}.zst") if outputs.zst else None
    footer = partial(vhd.footer, size_bytes=image.stat().st_size, date=date) if outputs.vhd else None
    with reporter.step("checksums and compression" if zst else "checksums"):
        published = publish(image, mapped, zst=zst, level=outputs.zst_level, footer=footer, reporter=reporter)
    digests = {image.name: FileRecord(sha256=published.sha256, size_bytes=published.size_bytes)}
    if zst is not None:
        assert published.zst_sha256 is not None
        assert published.zst_bytes is not None
        digests[zst.name] = FileRecord(sha256=published.zst_sha256, size_bytes=published.zst_bytes)
    if footer is not None:
        assert published.with_footer_sha256 is not None
        disk, ending = image.with_suffix(vhd.SUFFIX), footer(published.sha256)
        with reporter.step("VHD"):
            vhd.write_vhd(image, ending, out=disk, reporter=reporter)
        size = published.size_bytes + len(ending)
        digests[disk.name] = FileRecord(sha256=published.with_footer_sha256, size_bytes=size)
    return Summed(digests=digests, ranges=published.ranges, size_bytes=published.size_bytes)


def for_clouds(image: Path, recipe: Recipe, *, tools: Tools, reporter: Reporter) -> dict[str, FileRecord]:
    """Make what a recipe wants for clouds besides a VHD: a qcow2, and a template for Azure; returns their checksums."""
    made = {}
    if recipe.outputs.qcow2:
        disk = image.with_suffix(qcow2.SUFFIX)
        with reporter.step("qcow2"):
            qcow2.make_qcow2(tools, image, out=disk)
            with disk.open("rb") as file:
                sha256 = hashlib.file_digest(file, "sha256").hexdigest()
                os.fsync(file.fileno())
        made[disk.name] = FileRecord(sha256=sha256, size_bytes=disk.stat().st_size)
    if recipe.outputs.azure:
        template = image.with_suffix(TEMPLATE_SUFFIX)
        made[template.name] = write_durably(template, azure_template(recipe))
    return made


def sum_parts(image: Path, parts: Iterable[Part], *, recipe: str, reporter: Reporter) -> Summed:
    """Hash the parts of a split image, but those of the cache only once in their life; nothing is compressed."""
    digests, ranges = {}, []
    with reporter.step("checksums"):
        for part in parts:
            found = (
                _known_sums(part, recipe, reporter) if part.key else publish(part.path, part.mapped, reporter=reporter)
            )
            digests[part.path.name] = FileRecord(sha256=found.sha256, size_bytes=found.size_bytes)
            ranges += [_on_disk(each, part) for each in found.ranges]
    text = image.read_bytes()
    digests[image.name] = FileRecord(sha256=hashlib.sha256(text).hexdigest(), size_bytes=len(text))
    return Summed(
        digests=digests,
        ranges=tuple(sorted(ranges, key=lambda each: each.extent)),
        size_bytes=disk_image(image).size_bytes,
    )


def _known_sums(part: Part, recipe: str, reporter: Reporter) -> Published:
    """The checksums of a part that lies in the cache under its key."""
    assert part.key is not None
    parts = {"partition": part.key, "code": code_below("disk/publish.py")}

    def made(directory: Path) -> None:
        (directory / _SUMS).write_bytes(_PUBLISHED.dump_json(publish(part.path, part.mapped, reporter=reporter)))

    entry = Store("sums", user=recipe).obtain(
        key_of(parts), name=part.path.name, parts=parts, build=made, reporter=reporter, title=f"read {part.path.name}"
    )
    return _PUBLISHED.validate_json((entry.path / _SUMS).read_bytes())


def _on_disk(found: Range, part: Part) -> Range:
    """A range of a part where it lies on the disk. Ranges do not cross frames, and stretches are whole frames."""
    extent = found.extent
    for stretch in part.stretches:
        if stretch.offset_bytes <= extent.start < stretch.offset_bytes + stretch.size_bytes:
            at = stretch.start_bytes + extent.start - stretch.offset_bytes
            return Range(extent=Extent(at, extent.length), sha256=found.sha256)
    raise AssertionError


def publish_image(directory: Path, summed: Summed, manifest: Manifest, lock: Lock) -> Manifest:
    """Write everything beside a finished image; returns the manifest with the digests of it all.

    Args:
        directory: Where the image is.
        summed: Its files.
        manifest: The manifest without digests.
        lock: What it was made from.
    """
    digests, name = dict(summed.digests), manifest.recipe.name
    if manifest.recipe.outputs.bmap:
        text = block_map(summed.ranges, image_bytes=summed.size_bytes)
        digests[f"{name}.img.bmap"] = write_durably(directory / f"{name}.img.bmap", text)
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
