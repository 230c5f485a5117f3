"""A block map of anybody: which parts of an image matter, and their checksums. Pure.

The format is that of the Yocto Project's bmaptool, versions 1.0 to 2.0. Up to 1.2 there are no checksums; 1.3 has SHA-1
under names of its own; from 1.4 on the kind of checksum is named. The file's own checksum is computed while its place
holds zeros.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final
from xml.etree import ElementTree as ET

from builder.disk.extents import Extent
from builder.errors import ArtifactError
from builder.flash.chunk import MappedRange

_MOST_BYTES: Final = 256 * 1024 * 1024
_KINDS: Final = {"sha1", "sha256", "sha512", "md5"}
_VERSION: Final = re.compile(r"([0-9]{1,3})\.([0-9]{1,3})")
_SPAN: Final = re.compile(r"([0-9]{1,15})(?:\s*-\s*([0-9]{1,15}))?")
_HOW: Final = "make the block map again: bmaptool create"


@dataclass(frozen=True, slots=True, kw_only=True)
class BlockMap:
    """What a block map says; sizes in bytes."""

    image_bytes: int
    algorithm: str
    """The name of the checksums for hashlib; empty where there are none."""
    ranges: tuple[MappedRange, ...]
    """In order; they neither overlap nor reach beyond the image."""


def parse_block_map(data: bytes, *, source: str) -> BlockMap:
    """A block map from its text.

    Raises:
        ArtifactError: it is none, is damaged, or says what cannot be.
    """
    root = _root(data, source)
    version = _VERSION.fullmatch(root.get("version", ""))
    if root.tag != "bmap" or version is None or (major := int(version[1])) not in {1, 2}:
        raise ArtifactError(f"{source} is not a block map of version 1 or 2", hint=_HOW)
    named = (major, int(version[2])) >= (1, 4)
    algorithm = _algorithm(root, source, named=named)
    if named or root.find("BmapFileSHA1") is not None:
        _check_own_sum(root, data, source, algorithm, element="BmapFileChecksum" if named else "BmapFileSHA1")
    image, block = _number(root, "ImageSize", source), _number(root, "BlockSize", source)
    if block == 0 or block % 512:
        raise ArtifactError(f"{source}: its blocks of {block} bytes are no multiple of a sector", hint=_HOW)
    ranges = tuple(_ranges(root, source, image, block, attribute="chksum" if named else "sha1"))
    return BlockMap(image_bytes=image, algorithm=algorithm, ranges=ranges)


def _root(data: bytes, source: str) -> ET.Element:
    if len(data) > _MOST_BYTES:
        raise ArtifactError(f"{source} is too large for a block map: {len(data):,} bytes")
    if data.lstrip().startswith(b"-----BEGIN PGP"):
        hint = "take the block map out of it: gpg --decrypt FILE > NAME.bmap"
        raise ArtifactError(f"{source} is a signed text and not a block map itself", hint=hint)
    # A document type can make a parser expand a small file into gigabytes; a block map has none.
    if b"<!DOCTYPE" in data or b"<!ENTITY" in data:
        raise ArtifactError(f"{source} defines entities, which no block map does")
    try:
        return ET.fromstring(data)
    except ET.ParseError as error:
        raise ArtifactError(f"{source} is not a block map", details=str(error), hint=_HOW) from error


def _algorithm(root: ET.Element, source: str, *, named: bool) -> str:
    if not named:
        return "sha1" if root.find("BmapFileSHA1") is not None else ""
    kind = (root.findtext("ChecksumType") or "").strip().lower()
    if kind not in _KINDS:
        raise ArtifactError(f"{source}: its kind of checksum is not known: {kind or 'none'}", hint=_HOW)
    return kind


def _check_own_sum(root: ET.Element, data: bytes, source: str, algorithm: str, *, element: str) -> None:
    said = (root.findtext(element) or "").strip()
    place = re.compile(rb"<%b>\s*(%b)\s*</%b>" % (element.encode(), re.escape(said.encode()), element.encode()))
    found = place.search(data) if said else None
    if found is None:
        raise ArtifactError(f"{source}: there is no checksum of the block map itself", hint=_HOW)
    blank = data[: found.start(1)] + b"0" * len(said) + data[found.end(1) :]
    if hashlib.new(algorithm, blank).hexdigest() != said.lower():
        raise ArtifactError(f"{source} was changed or damaged: its own checksum does not fit", hint=_HOW)


def _number(root: ET.Element, name: str, source: str) -> int:
    text = (root.findtext(name) or "").strip()
    if not re.fullmatch(r"[0-9]{1,18}", text):
        raise ArtifactError(f"{source}: {name} is no number: {text[:40] or 'missing'}", hint=_HOW)
    return int(text)


def _ranges(root: ET.Element, source: str, image: int, block: int, *, attribute: str) -> Iterator[MappedRange]:
    blocks, before = -(-image // block), -1
    for found in root.iterfind("BlockMap/Range"):
        span = _SPAN.fullmatch((found.text or "").strip())
        if span is None:
            raise ArtifactError(f"{source}: this is no range of blocks: {(found.text or '')[:40]!r}", hint=_HOW)
        first, last = int(span[1]), int(span[2] or span[1])
        if not before < first <= last < blocks:
            why = "overlaps the one before it" if first <= before else "reaches beyond the image"
            raise ArtifactError(f"{source}: the range {first}-{last} {why}", hint=_HOW)
        before = last
        start = first * block
        extent = Extent(start, min((last + 1) * block, image) - start)
        yield MappedRange(extent=extent, digest=found.get(attribute, "").lower())
