import fcntl
import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from builder.errors import HostError
from builder.host.collect import _remove, collect, named_by_locks
from builder.host.holding import hold, release
from builder.host.record import users_of
from builder.host.scratch import scratch
from builder.host.store import Entry, Store
from builder.host.survey import cap_bytes, survey
from builder.plan.eviction import Worth
from builder.progress import Reporter

KEY, OTHER = "a" * 64, "b" * 64


class Notes(Reporter):
    def __init__(self) -> None:
        self.notes: list[str] = []
        self.steps: list[str] = []

    def note(self, text: str) -> None:
        self.notes.append(text)

    def on_start(self, name: str, detail: str) -> None:
        self.steps.append(f"{name}: {detail}")


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    directory = tmp_path / "cache"
    monkeypatch.setenv("SATCHEL_CACHE", str(directory))
    monkeypatch.delenv("SATCHEL_CACHE_SIZE", raising=False)
    return directory


def fill(directory: Path) -> None:
    (directory / "tree/etc").mkdir(parents=True)
    (directory / "tree/etc/hostname").write_text("satchel\n")
    (directory / "tree/link").symlink_to("etc/hostname")


def made(key: str = KEY, *, name: str = "apt", **parts: str) -> Entry:
    return Store("layers").obtain(key, name=name, parts=parts, build=fill, reporter=Reporter())


def let_go(*keys: str) -> None:
    """As if the run that used these pieces had ended long ago."""
    for key in keys:
        path = Store("layers")._entries / key
        release(path)
        os.utime(path / "key.json", ns=(1, 1))


def test_a_piece_appears_whole_with_its_parts() -> None:
    store = Store("layers")
    assert store.find(KEY) is None
    with store.make(KEY, name="apt", parts={"a": "1"}) as directory:
        fill(directory)
        assert store.find(KEY) is None
    entry = store.find(KEY)
    assert entry is not None
    assert (entry.name, entry.parts) == ("apt", {"a": "1"})
    assert (entry.path / "tree").is_dir()
    assert store.find_whole(KEY, reporter=Reporter()) == entry


def test_a_failed_piece_leaves_nothing(cache: Path) -> None:
    store = Store("layers")
    with pytest.raises(RuntimeError), store.make(KEY, name="apt", parts={}):
        raise RuntimeError
    assert store.entries() == ()
    assert list((cache / "tmp").iterdir()) == []


def test_the_second_of_two_equal_pieces_gives_way() -> None:
    store = Store("layers")
    with store.make(KEY, name="second", parts={}), store.make(KEY, name="first", parts={}) as directory:
        (directory / "file").touch()
    entry = store.find(KEY)
    assert entry is not None
    assert entry.name == "first"


def test_a_piece_is_made_once_and_says_why(cache: Path) -> None:
    notes = Notes()
    for _ in range(2):
        Store("layers").obtain(KEY, name="apt", parts={"package less": ""}, build=fill, reporter=notes)
    Store("layers").obtain(OTHER, name="apt", parts={"package nano": ""}, build=fill, reporter=notes)
    assert notes.steps == ["apt: never made", "apt: package less removed, package nano added"]
    assert notes.notes == []
    assert list((cache / "tmp").iterdir()) == []


def test_newest_pieces_come_first() -> None:
    for key in (KEY, OTHER):
        made(key)
    assert [entry.key for entry in Store("layers").entries()] == [OTHER, KEY]


def test_a_reason_is_about_the_piece_of_the_same_recipe() -> None:
    for key, user, version in ((KEY, "mine", "1"), (OTHER, "other", "7")):
        store, parts = Store("layers", user=user), {"deb nano": version}
        store.obtain(key, name="apt", parts=parts, build=fill, reporter=Reporter())
    now = {"deb nano": "2"}
    assert Store("layers", user="mine").why("apt", now) == "deb nano 1 -> 2"
    assert Store("layers", user="other").why("apt", now) == "deb nano 7 -> 2"
    assert Store("layers", user="new").why("apt", now) == "deb nano 7 -> 2", "the newest of all, for want of its own"


def cut_short(path: Path) -> None:
    os.truncate(path / "tree/etc/hostname", 3)


def edited(path: Path) -> None:
    """As careful as an editor can be: same size, same time of modification."""
    file = path / "tree/etc/hostname"
    status = file.stat()
    file.write_text("sAtchel\n")
    os.utime(file, ns=(status.st_atime_ns, status.st_mtime_ns))


def linked_elsewhere(path: Path) -> None:
    (path / "tree/link").unlink()
    (path / "tree/link").symlink_to("etc/hostnamf")


@pytest.mark.parametrize(
    "damage",
    [
        cut_short,
        edited,
        linked_elsewhere,
        lambda path: (path / "tree/etc/hostname").chmod(0o600),
        lambda path: (path / "tree/added").touch(),
        lambda path: (path / "tree/etc/hostname").unlink(),
        lambda path: shutil.rmtree(path / "tree"),
        lambda path: (path / "key.json").write_text('{"name": "ap'),
        lambda path: (path / "key.json").write_bytes(b"\xff\0"),
        lambda path: (path / "key.json").write_text("[]"),
        lambda path: (path / "key.json").unlink(),
        lambda path: (shutil.rmtree(path), path.touch()),
    ],
)
def test_a_damaged_piece_is_made_again(cache: Path, damage: Callable[[Path], object]) -> None:
    entry = made()
    damage(entry.path)
    notes = Notes()
    again = Store("layers").obtain(KEY, name="apt", parts={}, build=fill, reporter=notes)
    assert (again.path / "tree/etc/hostname").read_text() == "satchel\n"
    assert len(notes.steps) == len(notes.notes) == 1
    assert "damaged" in notes.notes[0]
    assert Store("layers").find_whole(KEY, reporter=Reporter()) == again
    assert list((cache / "tmp").iterdir()) == []


def test_a_record_that_cannot_be_read_is_no_piece() -> None:
    (made().path / "key.json").write_text("{")
    assert Store("layers").find(KEY) is None
    assert Store("layers").entries() == ()
    with Store("layers").make(KEY, name="again", parts={}):
        pass
    assert [entry.name for entry in Store("layers").entries()] == ["again"]


def test_a_copied_cache_is_good(cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made()
    copy, bad_copy = tmp_path / "copy", tmp_path / "bad copy"
    for place in (copy, bad_copy):
        shutil.copytree(cache, place, symlinks=True)
    cut_short(bad_copy / "layers" / KEY)
    monkeypatch.setenv("SATCHEL_CACHE", str(bad_copy))
    assert Store("layers").find_whole(KEY, reporter=Reporter()) is None
    monkeypatch.setenv("SATCHEL_CACHE", str(copy))
    assert Store("layers").find_whole(KEY, reporter=Reporter()) is not None
    edited(copy / "layers" / KEY)
    assert Store("layers").find_whole(KEY, reporter=Reporter()) is None


def kept(*, linked: bool) -> Path:
    """The file of a piece that is kept as file systems are."""

    def build(directory: Path) -> None:
        (directory / "image").write_text("a file system")
        (directory / "image").chmod(0o444)

    store = Store("partitions")
    return store.obtain(KEY, name="data", parts={}, build=build, reporter=Reporter(), linked=linked).path / "image"


def is_still_whole() -> bool:
    return Store("partitions").find_whole(KEY, reporter=Reporter()) is not None


def test_a_piece_whose_files_may_be_linked_stays_whole_with_further_names(tmp_path: Path) -> None:
    image, part = kept(linked=True), tmp_path / "part"
    part.hardlink_to(image)
    assert is_still_whole()
    part.unlink()
    assert is_still_whole()


@pytest.mark.parametrize("gone", [False, True])
def test_in_other_pieces_a_further_name_is_damage(tmp_path: Path, gone: bool) -> None:
    image, part = kept(linked=False), tmp_path / "part"
    part.hardlink_to(image)
    if gone:
        part.unlink()
    assert not is_still_whole()


def written(part: Path) -> None:
    """By another name, with the same size."""
    part.chmod(0o644)
    part.write_text("A FILE SYSTEM")
    part.chmod(0o444)


@pytest.mark.parametrize("edit", [written, lambda part: part.chmod(0o644), lambda part: os.truncate(part, 3)])
def test_an_edit_by_another_name_is_damage(tmp_path: Path, edit: Callable[[Path], object]) -> None:
    image, part = kept(linked=True), tmp_path / "part"
    part.hardlink_to(image)
    edit(part)
    assert not is_still_whole()
    assert kept(linked=True).read_text() == "a file system"
    assert not kept(linked=True).samefile(part), "what stands elsewhere was not touched"


def test_collection_removes_the_longest_unused_and_never_what_is_used_now(cache: Path) -> None:
    for key in (KEY, OTHER):
        made(key)
    let_go(KEY)
    assert [piece.key for piece in collect(to_bytes=0, dry_run=True).removed] == [KEY]
    assert len(Store("layers").entries()) == 2
    done = collect(to_bytes=0)
    assert [piece.key for piece in done.removed] == [KEY]
    assert [piece.key for piece in done.kept] == [OTHER]
    assert done.freed_bytes > 0
    assert done.held_bytes == done.kept_bytes
    assert [entry.key for entry in Store("layers").entries()] == [OTHER]
    assert list((cache / "tmp").iterdir()) == []


def test_what_came_into_use_after_it_was_chosen_stays() -> None:
    made()
    let_go(KEY)
    chosen = survey()
    assert not chosen[0].held
    assert Store("layers").find(KEY) is not None
    assert _remove(chosen) == ()


def test_collection_removes_damaged_pieces_and_leftovers(cache: Path) -> None:
    entry = made()
    (entry.path / "key.json").write_text("{")
    release(entry.path)
    (cache / "tmp" / "dead").mkdir()
    (cache / "test-kolibri" / "venv").mkdir(parents=True)
    assert [piece.name for piece in collect().removed] == ["damaged"]
    assert list((cache / "tmp").iterdir()) == []
    assert (cache / "test-kolibri" / "venv").is_dir()


def downloaded(cache: Path, digest: str) -> Path:
    file = cache / "pool" / digest[:2] / digest
    file.parent.mkdir(parents=True)
    file.write_bytes(b"deb")
    os.utime(file, ns=(1, 1))
    return file


def test_downloads_go_last_and_those_of_locks_at_the_very_end(cache: Path) -> None:
    made()
    let_go(KEY)
    files = [downloaded(cache, digest) for digest in ("c" * 64, "d" * 64)]
    pieces = {piece.key: piece.worth for piece in survey(locked={"c" * 64})}
    assert sorted(pieces, key=lambda key: pieces[key]) == [KEY, "d" * 64, "c" * 64]
    assert len(collect(to_bytes=0).removed) == 3
    assert [file.exists() for file in files] == [False, False]


def test_resolutions_are_worth_as_much_as_what_locks_name() -> None:
    Store("locks").obtain(KEY, name="my-school", parts={}, build=fill, reporter=Reporter())
    assert survey()[0].worth is Worth.LOCKED


def test_downloads_that_a_build_may_need_stay(cache: Path) -> None:
    used_now, unused = downloaded(cache, "c" * 64), downloaded(cache, "d" * 64)
    os.utime(used_now)
    another_build = os.open(cache / "pool", os.O_RDONLY)
    fcntl.flock(another_build, fcntl.LOCK_SH)
    assert collect(to_bytes=0).removed == ()
    os.close(another_build)
    assert hold(cache / "pool")
    assert [piece.key for piece in collect(to_bytes=0).removed] == ["d" * 64]
    assert (used_now.exists(), unused.exists()) == (True, False)


def test_locks_name_what_is_worth_keeping(tmp_path: Path) -> None:
    (tmp_path / "one.lock").write_text(f"- {{name: a, sha256: {KEY}}}\n- {{sha256: {OTHER}x}}\n")
    assert named_by_locks([tmp_path, tmp_path / "absent"]) == {KEY}


def test_a_use_is_remembered_with_its_recipe() -> None:
    entry = made()
    let_go(KEY)
    before = survey()[0].used_ns
    Store("layers", user="my-school").find(KEY)
    assert survey()[0].used_ns > before
    assert users_of(entry.path) == ("my-school",)
    assert Store("layers").find_whole(KEY, reporter=Reporter()) is not None


def test_the_cap_can_be_chosen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SATCHEL_CACHE_SIZE", "30GiB")
    assert cap_bytes() == 30 * 1024**3
    monkeypatch.setenv("SATCHEL_CACHE_SIZE", "much")
    with pytest.raises(HostError, match="SATCHEL_CACHE_SIZE: 'much' is not a size"):
        cap_bytes()


def test_the_size_counts_blocks_and_links_once(cache: Path) -> None:
    def sparse(directory: Path) -> None:
        with (directory / "image").open("wb") as file:
            file.truncate(1 << 30)
        (directory / "data").write_bytes(b"x" * 65536)
        os.link(directory / "data", directory / "same")

    Store("layers").obtain(KEY, name="root", parts={}, build=sparse, reporter=Reporter())
    stored = json.loads((cache / "layers" / KEY / "key.json").read_text())
    assert 65536 <= stored["size_bytes"] < 2 * 65536
    assert stored["inodes"] == 2


def test_backups_may_leave_the_cache_out(cache: Path) -> None:
    made()
    assert (cache / "CACHEDIR.TAG").read_text().startswith("Signature: 8a477f597d28d172789f06886806bc55\n")


def test_sweep_takes_what_nobody_holds(cache: Path) -> None:
    store = Store("layers")
    dead = cache / "tmp" / "dead"
    (dead / "tree").mkdir(parents=True)
    (cache / "tmp" / "dead.turn").touch()
    with store.scratch("alive") as alive:
        store.sweep()
        assert list((cache / "tmp").iterdir()) == [alive]


def test_scratch_is_locked_while_it_is_used(tmp_path: Path) -> None:
    with scratch(tmp_path, "work") as directory:
        descriptor = os.open(directory, os.O_RDONLY)
        with pytest.raises(BlockingIOError):
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        os.close(descriptor)
