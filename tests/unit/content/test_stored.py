"""Bytes that lie in pieces."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from builder.content.peer.stored import Span, Stored
from builder.errors import ArtifactError

SPANS = (Span(100, 10), Span(None, 20), Span(50, 5))


@pytest.fixture
def stored(tmp_path: Path) -> tuple[Stored, bytes]:
    holder = tmp_path / "disk.img"
    data = bytes(range(200))
    holder.write_bytes(data)
    return Stored(path=holder, spans=SPANS), data[100:110] + bytes(20) + data[50:55]


def test_a_file_is_its_pieces_with_zeros_between_them(stored: tuple[Stored, bytes]) -> None:
    found, whole = stored
    assert found.size == len(whole) == 35
    assert b"".join(found.chunks()) == whole
    assert found.md5() == hashlib.md5(whole).hexdigest()


def test_every_part_is_found_in_the_pieces(stored: tuple[Stored, bytes]) -> None:
    found, whole = stored
    data = found.path.read_bytes()
    for start in range(len(whole)):
        for end in range(start, len(whole) + 1):
            part = b"".join(
                bytes(span.length) if span.start is None else data[span.start : span.start + span.length]
                for span in found.part(start, end - start)
            )
            assert part == whole[start:end]


def test_what_was_cut_short_or_is_a_link_now_is_refused(stored: tuple[Stored, bytes], tmp_path: Path) -> None:
    found, _ = stored
    found.path.rename(tmp_path / "elsewhere")
    found.path.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(ArtifactError, match="Too many levels"):
        found.md5()
    found.path.unlink()
    found.path.write_bytes(bytes(105))
    with pytest.raises(ArtifactError, match="cut short"):
        found.md5()
