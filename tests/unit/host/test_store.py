import fcntl
import os
from pathlib import Path

import pytest

from builder.host.store import Store


def test_a_piece_appears_whole_with_its_parts(tmp_path: Path) -> None:
    store = Store("layers", root=tmp_path)
    assert store.find("key") is None
    with store.make("key", name="apt", parts={"a": "1"}) as directory:
        (directory / "tree").mkdir()
        assert store.find("key") is None
    entry = store.find("key")
    assert entry is not None
    assert (entry.name, entry.parts) == ("apt", {"a": "1"})
    assert (entry.path / "tree").is_dir()


def test_a_failed_piece_leaves_nothing(tmp_path: Path) -> None:
    store = Store("layers", root=tmp_path)
    with pytest.raises(RuntimeError), store.make("key", name="apt", parts={}):
        raise RuntimeError
    assert store.entries() == ()
    assert list((tmp_path / "tmp").iterdir()) == []


def test_the_second_of_two_equal_pieces_gives_way(tmp_path: Path) -> None:
    store = Store("layers", root=tmp_path)
    with store.make("key", name="second", parts={}), store.make("key", name="first", parts={}) as directory:
        (directory / "file").touch()
    entry = store.find("key")
    assert entry is not None
    assert entry.name == "first"


def test_sweep_takes_what_nobody_holds(tmp_path: Path) -> None:
    store = Store("layers", root=tmp_path)
    dead = tmp_path / "tmp" / "dead"
    (dead / "tree").mkdir(parents=True)
    with store.scratch("alive") as alive:
        store.sweep()
        assert alive.is_dir()
        assert not dead.exists()


def test_scratch_is_locked_while_it_is_used(tmp_path: Path) -> None:
    with Store("layers", root=tmp_path).scratch("work") as directory:
        descriptor = os.open(directory, os.O_RDONLY)
        with pytest.raises(BlockingIOError):
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        os.close(descriptor)
