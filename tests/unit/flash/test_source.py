"""An image is understood, unpacked and proved, however it is stored."""

from __future__ import annotations

import bz2
import gzip
import hashlib
import lzma
import threading
from pathlib import Path

import pytest
import zstandard

from builder.disk.blockmap import block_map
from builder.disk.extents import Extent
from builder.disk.publish import publish
from builder.errors import ArtifactError
from builder.flash.chunk import CHUNK
from builder.flash.journey import Order, travel
from builder.flash.pulse import Pulse
from builder.flash.source.decode import Packing, frames_of, packing_of
from builder.flash.source.filling import spooled
from builder.flash.source.image import Source, look_at
from builder.flash.source.spool import Spool
from builder.progress import Reporter
from builder.units import MIB

from .media import Card, patterned

IMAGE = patterned(CHUNK) + bytes(CHUNK + 4096) + patterned(MIB)
MAPPED = (Extent(0, CHUNK), Extent(2 * CHUNK + 4096, MIB))

PACKED = {
    Packing.RAW: lambda data: data,
    Packing.ZSTD: lambda data: zstandard.ZstdCompressor().compress(data),
    Packing.XZ: lambda data: lzma.compress(data, preset=0),
    Packing.GZIP: lambda data: gzip.compress(data, 1),
    Packing.BZIP2: lambda data: bz2.compress(data, 1),
}


def look(path: Path) -> Source:
    return look_at(path, Reporter(), block_map=None, keyring=None, signed=True)


def read(spool: Spool) -> bytes:
    """The whole image out of a spool, as a card would get it, once everything is there."""
    whole = bytearray(spool.size_bytes)
    for chunk in spool.chunks:
        assert spool.has(chunk, within_s=30)
        if not spool.is_zero(chunk):
            spool.read(chunk.offset, memoryview(whole)[chunk.offset : chunk.end])
    return bytes(whole)


def published(directory: Path) -> Path:
    """An image of ours, packed, with its block map."""
    image = directory / "an.img"
    image.write_bytes(IMAGE)
    found = publish(image, MAPPED, zst=directory / "an.img.zst", reporter=Reporter())
    (directory / "an.img.bmap").write_text(block_map(found.ranges, image_bytes=len(IMAGE)))
    return directory / "an.img.zst"


@pytest.mark.parametrize("packing", PACKED)
@pytest.mark.parametrize("mapped", [False, True])
def test_an_image_comes_out_as_it_was(packing: Packing, mapped: bool, tmp_path: Path) -> None:
    path = tmp_path / "an.img"
    if mapped:
        published(tmp_path)
    path.write_bytes(PACKED[packing](IMAGE))
    assert packing_of(path) is packing
    source = look(path)
    assert source.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
    with spooled(source, Reporter()) as spool:
        assert read(spool) == IMAGE
        assert spool.size_bytes == len(IMAGE)
        assert [chunk.offset for chunk in spool.chunks] == ([0, 2 * CHUNK + 4096] if mapped else [0, CHUNK, 2 * CHUNK])


def test_an_image_that_was_packed_with_a_long_window_comes_out(tmp_path: Path) -> None:
    path = tmp_path / "an.img.zst"
    long = zstandard.ZstdCompressionParameters(window_log=28)
    with path.open("wb") as file, zstandard.ZstdCompressor(compression_params=long).stream_writer(file) as writer:
        writer.write(IMAGE)
    with spooled(look(path), Reporter()) as spool:
        assert read(spool) == IMAGE


@pytest.mark.parametrize("name", ["an.img", "an.img.zst"])
def test_a_card_gets_what_is_in_the_image_and_not_only_what_the_spool_says(name: str, tmp_path: Path) -> None:
    """Reading back compares with the spool, which is the file itself, or lies in memory."""
    published(tmp_path)
    card = Card(4 * CHUNK, fill=0)
    with spooled(look(tmp_path / name), Reporter()) as spool:
        travel(card, Order(spool=spool), Pulse(), cancelled=threading.Event())
    for extent in MAPPED:
        assert card.data[extent.start : extent.end] == IMAGE[extent.start : extent.end]


def test_an_image_of_ours_is_unpacked_by_its_frames(tmp_path: Path) -> None:
    path = published(tmp_path)
    source = look(path)
    assert [frame.start for frame in source.frames] == [0, CHUNK, 2 * CHUNK]
    with spooled(source, Reporter()) as spool:
        assert read(spool) == IMAGE


def test_frames_of_another_size_are_one_stream(tmp_path: Path) -> None:
    path = published(tmp_path)
    pieces = [IMAGE[start : start + MIB + 8] for start in range(0, len(IMAGE), MIB + 8)]
    packed = [zstandard.ZstdCompressor().compress(piece) for piece in pieces]
    table = b"".join(
        len(one).to_bytes(4, "little") + len(two).to_bytes(4, "little") for one, two in zip(packed, pieces, strict=True)
    )
    footer = len(pieces).to_bytes(4, "little") + b"\0" + 0x8F92EAB1.to_bytes(4, "little")
    head = 0x184D2A5E.to_bytes(4, "little") + (len(table) + len(footer)).to_bytes(4, "little")
    path.write_bytes(b"".join(packed) + head + table + footer)
    assert len(frames_of(path)) == len(pieces)
    source = look(path)
    assert source.frames == ()
    with spooled(source, Reporter()) as spool:
        assert read(spool) == IMAGE


@pytest.mark.parametrize("packing", [Packing.ZSTD, Packing.XZ, Packing.GZIP, Packing.BZIP2])
def test_an_image_that_is_cut_short_is_refused(packing: Packing, tmp_path: Path) -> None:
    path = tmp_path / "an.img"
    packed = PACKED[packing](IMAGE)
    path.write_bytes(packed[: len(packed) // 2])
    with pytest.raises(ArtifactError, match="damaged or cut short"), spooled(look(path), Reporter()) as spool:
        read(spool)


def test_a_byte_that_is_not_what_the_block_map_says_is_found(tmp_path: Path) -> None:
    published(tmp_path)
    path = tmp_path / "an.img"
    with path.open("r+b") as file:
        file.seek(2 * CHUNK + 4096 + 77)
        file.write(b"!")
    with (
        pytest.raises(ArtifactError, match=f"bytes {2 * CHUNK + 4096:,} to .* are not what its block map says"),
        spooled(look(path), Reporter()) as spool,
    ):
        read(spool)


def test_a_block_map_of_another_image_is_refused(tmp_path: Path) -> None:
    published(tmp_path)
    path = tmp_path / "an.img"
    path.write_bytes(IMAGE + bytes(512))
    with pytest.raises(ArtifactError, match="is for an image of"):
        look(path)


def test_an_image_that_is_not_what_the_checksums_say_is_refused(tmp_path: Path) -> None:
    path = published(tmp_path)
    (tmp_path / "SHA256SUMS").write_text(f"{'0' * 64}  {path.name}\n")
    with pytest.raises(ArtifactError, match="does not hold what SHA256SUMS says"):
        look(path)


def test_an_archive_is_no_image(tmp_path: Path) -> None:
    (tmp_path / "an.zip").write_bytes(b"PK\x03\x04rest")
    with pytest.raises(ArtifactError, match="is an archive"):
        look(tmp_path / "an.zip")


def test_a_card_waits_for_what_is_not_there_yet(tmp_path: Path) -> None:
    source = look(published(tmp_path))
    with spooled(source, Reporter()) as spool:
        read(spool)
        late = Spool(spool.room, spool.chunks, size_bytes=spool.size_bytes)
        first, second = late.chunks[:2]
        assert not late.has(first, within_s=0)
        threading.Timer(0.05, lambda: late.publish(first, zero=False)).start()
        assert late.has(first, within_s=30)
        late.fail(ArtifactError("no more"))
        assert late.has(first, within_s=0), "what is there stays there"
        with pytest.raises(ArtifactError, match="no more"):
            late.has(second, within_s=30)


@pytest.mark.parametrize("packing", [Packing.XZ, Packing.GZIP, Packing.BZIP2, Packing.ZSTD])
def test_a_byte_that_was_spoiled_ends_the_flash_and_hangs_nobody(packing: Packing, tmp_path: Path) -> None:
    published(tmp_path)
    path = tmp_path / "an.img"
    packed = bytearray(PACKED[packing](IMAGE))
    packed[len(packed) // 2] ^= 0xFF
    path.write_bytes(packed)
    with pytest.raises(ArtifactError, match="damaged"), spooled(look(path), Reporter()) as spool:
        read(spool)


def test_an_empty_image_is_refused(tmp_path: Path) -> None:
    for name, data in (("raw", b""), ("xz", lzma.compress(b""))):
        (tmp_path / name).write_bytes(data)
        with pytest.raises(ArtifactError, match="is empty"), spooled(look(tmp_path / name), Reporter()):
            pass


def test_a_signed_list_that_was_shortened_is_no_unsigned_one(tmp_path: Path) -> None:
    path = published(tmp_path)
    (tmp_path / "SHA256SUMS.gpg").write_text("a signature")
    (tmp_path / "SHA256SUMS").write_text(f"{'0' * 64}  other.img\n")
    with pytest.raises(ArtifactError, match="does not name it"):
        look(path)


def test_an_image_that_was_changed_meanwhile_is_noticed(tmp_path: Path) -> None:
    path = tmp_path / "an.img"
    path.write_bytes(IMAGE)
    source = look(path)
    source.require_unchanged()
    path.write_bytes(IMAGE)
    with pytest.raises(ArtifactError, match="changed while"):
        source.require_unchanged()
