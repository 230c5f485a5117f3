"""The arithmetic of ext4: what a tree takes, and never too small a file system for it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from builder.disk.ext4 import refuse_broken
from builder.disk.ext4_size import BLOCK, Content, geometry, measure
from builder.disk.source import Source
from builder.errors import BuildFailed
from builder.units import GIB


@given(st.integers(0, 10**8), st.integers(11, 10**7), st.booleans())
def test_a_file_system_is_larger_than_its_content_but_not_much(more: int, inodes: int, read_only: bool) -> None:
    blocks = inodes + more
    size = geometry(Content(inodes=inodes, blocks=blocks), read_only=read_only)
    assert size % BLOCK == 0
    tables = inodes * 256
    assert size > blocks * BLOCK + tables
    if read_only:
        assert size < (blocks * BLOCK + tables) * 1.01 + (192 << 20)
    else:
        assert size < (blocks * BLOCK + tables) * 1.04 + 3 * GIB


def test_hard_links_count_once(tmp_path: Path) -> None:
    before = measure(Source(path=tmp_path))
    (tmp_path / "file").write_bytes(os.urandom(10 * BLOCK))
    os.link(tmp_path / "file", tmp_path / "again")
    after = measure(Source(path=tmp_path))
    assert after.inodes - before.inodes == 1
    assert after.blocks - before.blocks == 10


def test_where_holes_are_makes_no_difference(tmp_path: Path) -> None:
    for name, holes in (("sparse", True), ("full", False)):
        (tmp_path / name).mkdir()
        with (tmp_path / name / "file").open("wb") as file:
            file.seek(50 * BLOCK) if holes else file.write(bytes(50 * BLOCK))
            file.write(os.urandom(5))
    assert measure(Source(path=tmp_path / "sparse")) == measure(Source(path=tmp_path / "full"))


def test_what_is_hidden_does_not_count(tmp_path: Path) -> None:
    (tmp_path / "proc").mkdir()
    empty = measure(Source(path=tmp_path))
    (tmp_path / "proc/large").write_bytes(os.urandom(10 * BLOCK))
    assert measure(Source(path=tmp_path, hidden=("/proc",))) == empty
    assert measure(Source(path=tmp_path)) != empty


def test_the_release_that_damages_large_files_is_refused() -> None:
    for sound in ("1.47.2", "1.47.4", "1.47.30"):
        refuse_broken(sound)
    with pytest.raises(BuildFailed, match=r"1\.47\.3 cuts files"):
        refuse_broken("1.47.3")
