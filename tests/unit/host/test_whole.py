"""Files that are the old one or the new one."""

from __future__ import annotations

from pathlib import Path

import pytest

from builder.host.whole import write_whole


def test_a_file_is_replaced_behind_its_link_with_the_mode_that_is_asked(tmp_path: Path) -> None:
    real, link = tmp_path / "real", tmp_path / "link"
    real.write_text("old")
    link.symlink_to(real)
    write_whole(link, b"new", mode=0o600)
    assert (real.read_text(), real.stat().st_mode & 0o777) == ("new", 0o600)
    assert link.is_symlink()


def test_what_cannot_be_written_leaves_the_old_one_and_nothing_else(tmp_path: Path) -> None:
    (tmp_path / "directory").mkdir()
    with pytest.raises(OSError, match="directory"):
        write_whole(tmp_path / "directory", b"new", mode=0o644)
    assert [path.name for path in tmp_path.iterdir()] == ["directory"]
