from __future__ import annotations

from pathlib import Path

import pytest

from builder.boot.powercut.log import Entry, count, read
from builder.errors import ArtifactError
from builder.units import SECTOR

from .logs import sectors, write_log


def test_every_kind_of_request_is_read_with_the_place_of_its_data(tmp_path: Path) -> None:
    log = write_log(
        tmp_path / "log",
        ("write", 8, sectors("a", 2)),
        ("mark", 0, b"a note of somebody"),
        ("discard", 100, sectors("x", 50)),
        ("flush", 0, b""),
        ("durable", 9, sectors("b")),
    )
    entries = read(log).entries
    assert entries == (
        Entry(sector=8, sectors=2, data=2 * SECTOR),
        Entry(sector=100, sectors=50, data=None),
        Entry(flush=True),
        Entry(sector=9, sectors=1, data=9 * SECTOR, durable=True),
    )
    content = log.read_bytes()
    assert content[entries[3].data : entries[3].data + SECTOR] == sectors("b")  # type: ignore[operator]
    assert [entry.changes for entry in entries] == [True, True, False, True]


def test_what_the_superblock_does_not_count_is_not_there_yet(tmp_path: Path) -> None:
    log = write_log(tmp_path / "log", ("write", 0, sectors("a")), ("write", 1, sectors("b")), counted=1)
    assert len(read(log).entries) == 1
    assert count(log) == 1


def test_a_log_that_has_not_begun_has_no_entries(tmp_path: Path) -> None:
    empty = tmp_path / "log"
    empty.touch()
    assert count(empty) == 0
    empty.write_bytes(bytes(SECTOR))
    assert count(empty) == 0


@pytest.mark.parametrize("lost", [1, SECTOR, SECTOR + 1, 4 * SECTOR - 8])
def test_a_log_that_is_shorter_than_it_says_is_refused(tmp_path: Path, lost: int) -> None:
    log = write_log(tmp_path / "log", ("flush", 0, b""), ("write", 0, sectors("a")))
    log.write_bytes(log.read_bytes()[:-lost])
    with pytest.raises(ArtifactError):
        read(log)


def test_something_else_is_refused(tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.write_bytes(b"QFI\xfb" * 1000)
    with pytest.raises(ArtifactError, match="not a log"):
        read(other)
