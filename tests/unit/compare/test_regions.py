"""Which bytes differ, and which structure each of them belongs to."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from builder.compare.anatomy import Atlas, File, Piece, Region, Window, content, same_content
from builder.compare.ranges import differing, touched
from builder.disk.extents import Extent
from builder.errors import ArtifactError

ATLAS = Atlas(
    fine=[Region(start=100, length=10, structure="data", path="x"), Region(start=105, length=3, structure="shared")],
    coarse=[Region(start=0, length=50, structure="head"), Region(start=90, length=40, structure="table")],
)


def split(start: int, end: int) -> list[tuple[str, int, int]]:
    return [(region.structure, first, last) for region, first, last in ATLAS.split(start, end)]


def test_fine_regions_come_before_coarse_ones() -> None:
    assert split(0, 200) == [
        ("head", 0, 50),
        ("unused space", 50, 90),
        ("table", 90, 100),
        ("data", 100, 110),
        ("table", 110, 130),
        ("unused space", 130, 200),
    ]


def test_a_range_inside_a_region_keeps_the_region_s_beginning() -> None:
    ((region, first, last),) = ATLAS.split(112, 113)
    assert (region.structure, region.start, first, last) == ("table", 90, 112, 113)
    ((region, _, _),) = ATLAS.split(60, 61)
    assert (region.structure, region.start) == ("unused space", 50)


@pytest.fixture
def windows(tmp_path: Path) -> Iterator[tuple[int, int]]:
    descriptors = [os.open(tmp_path / name, os.O_RDWR | os.O_CREAT) for name in ("one", "two")]
    yield descriptors[0], descriptors[1]
    for descriptor in descriptors:
        os.close(descriptor)


def test_ranges_begin_and_end_with_a_byte_that_differs(windows: tuple[int, int]) -> None:
    size = 3 << 20
    first = bytearray(os.urandom(size))
    second = bytearray(first)
    for at in (0, 10, 13, 40, (1 << 20) - 1, 1 << 20, size - 1):
        second[at] ^= 1
    for descriptor, data in zip(windows, (first, second), strict=True):
        os.pwrite(descriptor, data, 0)
    ours, others = (Window(descriptor, start=0, length=size) for descriptor in windows)
    read: list[int] = []
    assert differing(ours, others, advance=read.append) == (
        Extent(0, 1),
        Extent(10, 4),
        Extent(40, 1),
        Extent((1 << 20) - 1, 2),
        Extent(size - 1, 1),
    )
    assert sum(read) == size


def test_a_hole_equals_zeros_and_differs_from_others(windows: tuple[int, int]) -> None:
    os.ftruncate(windows[0], 64 << 20)
    os.pwrite(windows[1], bytes(8192), 1 << 20)
    os.pwrite(windows[1], b"x", 32 << 20)
    read: list[int] = []
    ours, others = (Window(descriptor, start=1 << 20, length=63 << 20) for descriptor in windows)
    assert differing(ours, others, advance=read.append) == (Extent(31 << 20, 1),)
    assert sum(read) < 1 << 20


def test_touched() -> None:
    ranges = (Extent(10, 5), Extent(30, 1))
    told = [touched(ranges, *place) for place in ((0, 10), (0, 11), (14, 1), (15, 15), (15, 16), (31, 100))]
    assert told == [False, True, True, False, True, False]


def file(*pieces: Piece, size: int) -> File:
    return File(
        mode=0o100644, owner=0, group=0, size=size, modified=0, other_times=(), inode=1, attributes={}, pieces=pieces
    )


def test_content_is_the_same_however_it_is_stored(windows: tuple[int, int]) -> None:
    os.pwrite(windows[0], b"abcdefgh", 4096)
    window = Window(windows[0], start=0, length=1 << 20)
    stored = file(Piece(at=0, length=4, stored=4096, stored_length=4), size=10)
    inline = file(Piece(at=0, length=4, inline=b"abcd"), size=10)
    split_up = file(Piece(at=0, length=2, inline=b"ab"), Piece(at=2, length=2, inline=b"cd"), size=10)
    other = file(Piece(at=0, length=5, stored=4096, stored_length=5), size=10)
    assert content(window, stored, 1, 9) == b"bcd" + bytes(6)
    assert same_content((window, stored), (window, inline))
    assert same_content((window, stored), (window, split_up))
    assert not same_content((window, stored), (window, other))
    assert not same_content((window, stored), (window, file(size=10)))
    assert not same_content((window, file(size=5)), (window, file(size=6)))
    assert same_content((window, file(size=5)), (window, file(Piece(at=0, length=5, inline=bytes(5)), size=5)))


def test_large_content_is_read_in_steps(windows: tuple[int, int]) -> None:
    data = os.urandom(5 << 20)
    os.pwrite(windows[0], data, 0)
    os.pwrite(windows[1], data, 4096)
    ours, others = Window(windows[0], start=0, length=6 << 20), Window(windows[1], start=0, length=6 << 20)
    size = len(data) - 7
    one = file(Piece(at=0, length=size, stored=0, stored_length=size), size=size)
    moved = file(Piece(at=0, length=size, stored=4096, stored_length=size), size=size)
    halves = file(
        Piece(at=0, length=3 << 20, stored=4096, stored_length=3 << 20),
        Piece(at=3 << 20, length=size - (3 << 20), stored=4096 + (3 << 20), stored_length=size - (3 << 20)),
        size=size,
    )
    assert same_content((ours, one), (others, moved))
    assert same_content((ours, one), (others, halves))
    os.pwrite(windows[1], bytes([data[-9] ^ 1]), 4096 + len(data) - 9)
    assert not same_content((ours, one), (others, moved))
    assert not same_content((ours, one), (others, halves))


def test_what_points_outside_is_damage(windows: tuple[int, int]) -> None:
    window = Window(windows[0], start=0, length=100)
    with pytest.raises(ArtifactError, match="points to byte 90"):
        window.read(90, 11)
    with pytest.raises(ArtifactError, match="cannot be decompressed"):
        content(window, file(Piece(at=0, length=9, compression="zstd", inline=b"no zstd"), size=9), 0, 9)
    with pytest.raises(ArtifactError, match="compressed by lzo"):
        content(window, file(Piece(at=0, length=9, compression="lzo", inline=b"lzo"), size=9), 0, 9)
