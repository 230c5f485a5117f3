"""The block map: which blocks of an image matter and their checksums, for bmaptool and for our own flasher. Pure.

The format is bmap 2.0 of the Yocto Project's bmaptool. Its file carries its own checksum, computed while the place of
that checksum is filled with zeros.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Final

from builder.disk.publish import Range
from builder.units import KIB

BLOCK: Final = 4 * KIB

_NO_CHECKSUM: Final = "0" * 64


def block_map(ranges: Sequence[Range], *, image_bytes: int) -> str:
    """The XML text for the ranges of an image, which are whole blocks (but the last, where the image ends)."""
    blocks = -(-image_bytes // BLOCK)
    spans = [(part.extent.start // BLOCK, -(-part.extent.end // BLOCK) - 1, part.sha256) for part in ranges]
    lines = [
        '<?xml version="1.0" ?>',
        '<bmap version="2.0">',
        f"    <ImageSize> {image_bytes} </ImageSize>",
        f"    <BlockSize> {BLOCK} </BlockSize>",
        f"    <BlocksCount> {blocks} </BlocksCount>",
        f"    <MappedBlocksCount> {sum(last - first + 1 for first, last, _ in spans)} </MappedBlocksCount>",
        "    <ChecksumType> sha256 </ChecksumType>",
        f"    <BmapFileChecksum> {_NO_CHECKSUM} </BmapFileChecksum>",
        "    <BlockMap>",
        *(f'        <Range chksum="{checksum}"> {_span(first, last)} </Range>' for first, last, checksum in spans),
        "    </BlockMap>",
        "</bmap>",
    ]
    text = "\n".join(lines) + "\n"
    return text.replace(_NO_CHECKSUM, hashlib.sha256(text.encode()).hexdigest(), 1)


def _span(first: int, last: int) -> str:
    return str(first) if first == last else f"{first}-{last}"
