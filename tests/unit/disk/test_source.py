"""A tree without what other file systems cover."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from builder.disk.source import Source


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    for path in ("proc/1", "home/someone", "srv/data/kolibri", "etc"):
        (tmp_path / "tree" / path).mkdir(parents=True)
    (tmp_path / "tree/etc/hosts").write_text("x")
    (tmp_path / "tree/link").symlink_to("etc")
    return tmp_path / "tree"


def test_only_the_outermost_real_directories_are_covered(tree: Path) -> None:
    hidden = ("/srv/data/kolibri", "/srv/data", "/proc", "/missing", "/link", "/etc/hosts", "/proc/")
    assert Source(path=tree, hidden=hidden).covered() == ("proc", "srv/data")


def test_a_walk_sees_the_covered_directory_but_not_what_is_in_it(tree: Path) -> None:
    seen = [path for path, _ in Source(path=tree, hidden=("/proc", "/srv/data")).walk()]
    assert sorted(seen) == [".", "etc", "etc/hosts", "home", "home/someone", "link", "proc", "srv", "srv/data"]


def test_a_stand_in_is_empty_and_looks_like_what_it_covers(tree: Path, tmp_path: Path) -> None:
    covered = tree / "srv/data"
    covered.chmod(0o1751)
    os.utime(covered, (1000, 2000))
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    whole, part = Source(path=tree, hidden=("/srv/data",)).mounts("/job/tree", scratch=scratch)
    assert (whole.target, whole.source, whole.writable) == ("/job/tree", tree, False)
    assert part.target == "/job/tree/srv/data"
    assert part.source is not None
    facts = part.source.stat()
    assert (facts.st_mode & 0o7777, facts.st_mtime) == (0o1751, 2000)
    assert list(part.source.iterdir()) == []
