"""Block maps of every version, and everything that can be wrong with one."""

from __future__ import annotations

import hashlib

import pytest

from builder.disk.extents import Extent
from builder.errors import ArtifactError
from builder.flash.source.bmap import parse_block_map

BLOCKS = ((0, 1, "a" * 64), (10, 10, "b" * 64), (255, 256, "c" * 64))
SIZE = 256 * 4096 + 100


def bmap(version: str, *, size: int = SIZE, ranges: str | None = None, extra: str = "") -> bytes:
    """A block map as bmaptool writes it in this version."""
    major, minor = map(int, version.split("."))
    named = (major, minor) >= (1, 4)
    attribute = "chksum" if named else "sha1"
    summed = (major, minor) >= (1, 3)
    rows = ranges or "".join(
        f"<Range{f' {attribute}=' + chr(34) + digest + chr(34) if summed else ''}> "
        f"{first if first == last else f'{first}-{last}'} </Range>\n"
        for first, last, digest in BLOCKS
    )
    element, kind, length = ("BmapFileChecksum", "sha256", 64) if named else ("BmapFileSHA1", "sha1", 40)
    own = f"<{element}> {'0' * length} </{element}>" if summed else ""
    text = (
        f'<?xml version="1.0" ?>\n<bmap version="{version}">\n<ImageSize> {size} </ImageSize>\n'
        f"<BlockSize> 4096 </BlockSize>\n<BlocksCount> 257 </BlocksCount>\n<MappedBlocksCount> 5 </MappedBlocksCount>\n"
        f"{'<ChecksumType> sha256 </ChecksumType>' if named else ''}{own}\n{extra}"
        f"<BlockMap>\n{rows}</BlockMap>\n</bmap>\n"
    )
    digest = hashlib.new(kind, text.encode()).hexdigest()
    return text.replace(f"> {'0' * length} <", f"> {digest} <", 1).encode()


@pytest.mark.parametrize(
    ("version", "algorithm", "digest"),
    [
        ("1.0", "", ""),
        ("1.2", "", ""),
        ("1.3", "sha1", "a" * 64),
        ("1.4", "sha256", "a" * 64),
        ("2.0", "sha256", "a" * 64),
    ],
)
def test_every_version_is_read(version: str, algorithm: str, digest: str) -> None:
    found = parse_block_map(bmap(version), source="x.bmap")
    assert (found.image_bytes, found.algorithm) == (SIZE, algorithm)
    assert [known.extent for known in found.ranges] == [
        Extent(0, 8192),
        Extent(40960, 4096),
        Extent(255 * 4096, 4096 + 100),
    ]
    assert found.ranges[0].digest == digest


WRONG = {
    "it is no XML": (b"hello", "not a block map"),
    "it is another document": (b"<html/>", "not a block map of version 1 or 2"),
    "its version is not known": (bmap("3.0"), "not a block map of version 1 or 2"),
    "it was changed": (bmap("2.0").replace(b"10 <", b"11 <"), "changed or damaged"),
    "it has no checksum of its own": (bmap("2.0").replace(b"BmapFileChecksum", b"Nothing"), "no checksum"),
    "ranges overlap": (bmap("1.0", ranges="<Range>5-9</Range><Range>9-10</Range>"), "overlaps"),
    "ranges go backwards": (bmap("1.0", ranges="<Range>9-5</Range>"), "reaches beyond"),
    "a range lies beyond the image": (bmap("1.0", ranges="<Range>0-257</Range>"), "reaches beyond"),
    "a range is no range": (bmap("1.0", ranges="<Range>all</Range>"), "no range of blocks"),
    "it expands": (bmap("1.0", extra="<!ENTITY a 'b'>"), "defines entities"),
    "it is signed in clear": (b"-----BEGIN PGP SIGNED MESSAGE-----\n" + bmap("1.0"), "signed text"),
    "its size is no number": (bmap("1.0").replace(str(SIZE).encode(), b"large"), "ImageSize is no number"),
    "its blocks are no sectors": (bmap("1.0").replace(b"> 4096 <", b"> 1000 <"), "multiple of a sector"),
    "its checksums are unknown": (bmap("2.0").replace(b"> sha256 <", b"> crc7 <"), "not known: crc7"),
}


@pytest.mark.parametrize("name", WRONG)
def test_what_is_wrong_is_said(name: str) -> None:
    data, said = WRONG[name]
    with pytest.raises(ArtifactError, match=said):
        parse_block_map(data, source="x.bmap")
