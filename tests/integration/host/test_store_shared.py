"""The store with several processes at once, and on a disk that is full."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from builder.errors import CommandFailed, HostError
from builder.host.collect import collect
from builder.host.command import run
from builder.host.places import REPOSITORY
from builder.host.room import full_disk_explained
from builder.host.scratch import scratch
from builder.host.store import Store
from builder.progress import Reporter

KEY = "a" * 64

MAKER = f"""
import sys
from builder.host.store import Store
from builder.progress import Reporter

class Told(Reporter):
    def note(self, text):
        print(text, flush=True)

def build(directory):
    print("making", flush=True)
    sys.stdin.readline()
    (directory / "maker").write_text(sys.argv[1])

entry = Store("layers").obtain("{KEY}", name="apt", parts={{}}, build=build, reporter=Told())
print("has", (entry.path / "maker").read_text(), flush=True)
sys.stdin.readline()
"""
"""Says each thing that happens; goes on when it is told to."""


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    directory = tmp_path / "cache"
    monkeypatch.setenv("SATCHEL_CACHE", str(directory))
    return directory


@contextmanager
def maker(name: str) -> Iterator[subprocess.Popen[str]]:
    """A process that wants the piece."""
    command = [sys.executable, "-c", MAKER, name]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with subprocess.Popen(command, cwd=REPOSITORY, text=True, env=dict(os.environ), **pipes) as process:
        try:
            yield process
        finally:
            process.kill()


def heard(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


def go_on(process: subprocess.Popen[str]) -> None:
    assert process.stdin is not None
    process.stdin.write("\n")
    process.stdin.flush()


WAITING = "waiting for apt, which is being made already"


def test_the_second_of_two_makers_waits_and_uses_what_the_first_made(cache: Path) -> None:
    with maker("first") as first:
        assert heard(first) == "making"
        with maker("second") as second:
            assert heard(second) == WAITING
            go_on(first)
            assert heard(first) == "has first"
            assert heard(second) == "has first"
    assert list((cache / "tmp").iterdir()) == []


def test_a_killed_maker_gives_its_turn_away(cache: Path) -> None:
    with maker("first") as first:
        assert heard(first) == "making"
        with maker("second") as second:
            assert heard(second) == WAITING
            Store("layers").sweep()
            first.send_signal(signal.SIGKILL)
            assert heard(second) == "making"
            go_on(second)
            assert heard(second) == "has second"
    Store("layers").sweep()
    assert list((cache / "tmp").iterdir()) == []


def test_a_third_maker_waits_for_the_second_when_the_first_gives_up(cache: Path) -> None:
    with maker("first") as first:
        assert heard(first) == "making"
        with maker("second") as second:
            assert heard(second) == WAITING
            first.send_signal(signal.SIGINT)
            assert heard(second) == "making"
            with maker("third") as third:
                assert heard(third) == WAITING
                go_on(second)
                assert heard(third) == "has second"
    assert list((cache / "tmp").iterdir()) == []


def test_what_another_process_uses_is_not_collected() -> None:
    with maker("first") as first:
        assert heard(first) == "making"
        go_on(first)
        assert heard(first) == "has first"
        done = collect(to_bytes=0)
        assert done.removed == ()
        assert [piece.held for piece in done.kept] == [True]
    assert [piece.key for piece in collect(to_bytes=0).removed] == [KEY]


def test_a_damaged_piece_in_use_is_replaced_and_kept_for_its_user(cache: Path) -> None:
    with maker("first") as first:
        assert heard(first) == "making"
        go_on(first)
        assert heard(first) == "has first"
        (cache / "layers" / KEY / "maker").write_text("damaged")
        assert Store("layers").find_whole(KEY, reporter=Reporter()) is None
        Store("layers").sweep()
        (aside,) = (cache / "tmp").iterdir()
        assert (aside / "maker").read_text() == "damaged"
    Store("layers").sweep()
    assert list((cache / "tmp").iterdir()) == []


def small_disk(where: Path) -> None:
    where.mkdir()
    run(("mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(where)), why="make a small disk")


def too_much(directory: Path) -> None:
    (directory / "file").write_bytes(bytes(2 << 20))


def too_much_for_a_program(directory: Path) -> None:
    run(("dd", "if=/dev/zero", f"of={directory}/file", "bs=1M", "count=2"), why="fill the disk")


@pytest.mark.in_namespace
@pytest.mark.parametrize("build", [too_much, too_much_for_a_program])
def test_a_full_disk_is_explained_and_nothing_is_left(cache: Path, build: object) -> None:
    assert callable(build)
    small_disk(cache)
    with pytest.raises(HostError, match="the disk is full") as caught:
        Store("layers").obtain(KEY, name="apt", parts={}, build=build, reporter=Reporter())
    assert caught.value.details is not None
    assert f"free in {cache / 'tmp'}" in caught.value.details
    assert f"kept in the cache {cache}" in caught.value.details
    assert caught.value.hint is not None
    assert "satchel cache gc" in caught.value.hint
    assert Store("layers").entries() == ()
    assert list((cache / "tmp").iterdir()) == []


@pytest.mark.in_namespace
def test_a_full_disk_at_the_first_step_is_explained(cache: Path) -> None:
    small_disk(cache)
    with pytest.raises(OSError, match="No space left"):
        (cache / "file").write_bytes(bytes(2 << 20))
    with pytest.raises(HostError, match="the disk is full: a file could not be written"):
        Store("layers").obtain(KEY, name="apt", parts={}, build=Path.touch, reporter=Reporter())


@pytest.mark.in_namespace
def test_every_disk_that_is_written_to_is_named(cache: Path, tmp_path: Path) -> None:
    dist = tmp_path / "dist"
    small_disk(dist)
    with pytest.raises(HostError) as caught, scratch(dist, "image") as outer, Store("layers").scratch("room"):
        too_much(outer)
    assert caught.value.details is not None
    for place in (dist, cache / "tmp"):
        assert f"free in {place}\n" in caught.value.details


def test_other_failures_stay_what_they_are(tmp_path: Path) -> None:
    with pytest.raises(CommandFailed), full_disk_explained(tmp_path):
        run(("false",), why="fail")
    with pytest.raises(FileNotFoundError), full_disk_explained(tmp_path):
        (tmp_path / "absent").read_text()
