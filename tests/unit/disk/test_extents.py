"""Extents: whole blocks, merged, and copied without their holes."""

from __future__ import annotations

import os
from itertools import pairwise
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from builder.disk.extents import Extent, copy_extent, data_extents, in_blocks, moved_up

some = st.lists(st.builds(Extent, st.integers(0, 300), st.integers(0, 60)), max_size=12)


@given(some)
def test_blocks_cover_every_byte_once_in_order(extents: list[Extent]) -> None:
    merged = in_blocks(extents, block=16)
    wanted = {byte // 16 for extent in extents for byte in range(extent.start, extent.end)}
    covered = [block for extent in merged for block in range(extent.start // 16, extent.end // 16)]
    assert covered == sorted(wanted)
    assert all(before.end < after.start for before, after in pairwise(merged))


def test_only_data_is_found_and_copied(tmp_path: Path) -> None:
    source, target = tmp_path / "source", tmp_path / "target"
    with source.open("wb") as file:
        file.truncate(64 << 20)
        file.seek(40 << 20)
        file.write(b"data" * 4096)
    with source.open("rb") as file, target.open("wb") as copy:
        found = tuple(data_extents(file.fileno()))
        copied: list[int] = []
        for extent in found:
            copy_extent(file.fileno(), extent, copy.fileno(), at=extent.start + 8192, advance=copied.append)
    assert sum(extent.length for extent in found) == sum(copied) < 1 << 20
    assert target.read_bytes()[8192:].rstrip(b"\0") == source.read_bytes().rstrip(b"\0")
    assert target.stat().st_blocks * 512 < 1 << 20


def test_an_empty_file_and_a_hole_have_no_data(tmp_path: Path) -> None:
    path = tmp_path / "file"
    for size in (0, 1 << 20):
        with path.open("wb") as file:
            os.truncate(file.fileno(), size)
        with path.open("rb") as file:
            assert tuple(data_extents(file.fileno())) == ()


def test_a_hole_inserted_before_everything_copies_nothing(tmp_path: Path) -> None:
    path = tmp_path / "file"
    content = os.urandom(1 << 20)
    path.write_bytes(content)
    blocks = path.stat().st_blocks
    with path.open("r+b") as file:
        could = moved_up(file.fileno(), 4 << 20)
    if not could:
        assert path.read_bytes() == content, "where it cannot be done, nothing is changed"
        return
    assert path.read_bytes() == bytes(4 << 20) + content
    assert abs(path.stat().st_blocks - blocks) <= 16
