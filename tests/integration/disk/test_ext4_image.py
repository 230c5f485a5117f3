"""ext4 out of trees: complete and minimal."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from builder.disk.ext4 import make_ext4, needed_bytes
from builder.disk.source import Source
from builder.disk.superblock import PROBE_BYTES, identify
from builder.errors import CommandFailed, PlanError

from .disk_bench import EPOCH, HIDDEN, Bench, facts

pytestmark = pytest.mark.in_namespace


def make(bench: Bench, source: Source, name: str = "p.img", *, read_only: bool = True, **wanted: object) -> Path:
    out = bench.directory / name
    needed = needed_bytes(source, read_only=read_only)
    partition = bench.partition(needed, filesystem="ext4", **wanted)
    make_ext4(bench.tools, source, partition, out=out, epoch=EPOCH, read_only=read_only)
    assert out.stat().st_size == partition.size_bytes
    assert "errors" not in bench.look("e2fsck", "-fn", "/job/at", at=out)
    return out


def unpacked(bench: Bench, image: Path) -> Path:
    out = bench.directory / "out"
    out.mkdir(exist_ok=True)
    target = out / "tree"
    target.mkdir()
    bench.look("debugfs", "-R", "rdump / /job/out/tree", "/job/at", at=image)
    (target / "lost+found").rmdir()
    return target


@pytest.mark.parametrize("read_only", [True, False])
def test_everything_arrives_but_what_is_hidden(bench: Bench, read_only: bool) -> None:
    tree = bench.tree()
    image = make(bench, Source(path=tree, hidden=HIDDEN), read_only=read_only, label="content")
    got = facts(unpacked(bench, image), times=False)
    want = facts(tree, times=False, without=("tmp", "home", "srv/data", "proc"))
    # debugfs unpacks each name of a hard link as a file of its own, and loses setuid and sticky bits.
    assert got.pop("tmp")[1:] == want.pop("tmp")[1:]
    assert "Mode:  01777" in bench.look("debugfs", "-R", "stat /tmp", "/job/at", at=image)
    for name in ("etc/secret", "etc/deep/same"):
        assert got.pop(name)[1:3] == want.pop(name)[1:3]
        described = bench.look("debugfs", "-R", f"stat /{name}", "/job/at", at=image)
        assert "Links: 2" in described
        assert "Mode:  04640" in described
        assert f"mtime: {EPOCH - 5000:#010x}" in described
    assert got == want
    assert "user.note" in bench.look("debugfs", "-R", "ea_list /etc/empty", "/job/at", at=image)
    head = image.read_bytes()[:PROBE_BYTES]
    found = identify(head)
    assert found is not None
    assert (found.type, found.label, found.size_bytes) == ("ext4", "content", image.stat().st_size)


def test_a_read_only_file_system_has_no_journal_and_no_reserve(bench: Bench) -> None:
    tree = bench.tree()
    described = bench.look("dumpe2fs", "-h", "/job/at", at=make(bench, Source(path=tree)))
    assert "has_journal" not in described
    assert "Reserved block count:     0" in described
    described = bench.look("dumpe2fs", "-h", "/job/at", at=make(bench, Source(path=tree), "q.img", read_only=False))
    assert "has_journal" in described
    assert "resize_inode" in described


@pytest.mark.parametrize("count", [0, 300, 5_000, 60_000])
def test_many_small_files_fit_exactly(bench: Bench, count: int) -> None:
    tree = bench.directory / "many"
    for number in range(count):
        directory = tree / f"{number % 97:02x}"
        directory.mkdir(parents=True, exist_ok=True)
        (directory / f"{number:032x}.mp3").write_bytes(b"x" * (number % 6000))
    tree.mkdir(exist_ok=True)
    source = Source(path=tree)
    image = make(bench, source)
    described = bench.look("dumpe2fs", "-h", "/job/at", at=image)
    free = int(described.split("Free blocks:")[1].split()[0])
    assert free * 4096 < image.stat().st_size // 25 + (5 << 20)


@pytest.mark.parametrize("files", [1, 40])
def test_large_files_fit_exactly(bench: Bench, files: int) -> None:
    tree = bench.directory / "large"
    tree.mkdir()
    for number in range(files):
        with (tree / f"{number}.mp4").open("wb") as file:
            for _ in range(400 // files):
                file.write(os.urandom(1 << 20))
    image = make(bench, Source(path=tree))
    assert image.stat().st_size < 430 << 20


@pytest.mark.parametrize("megabytes", range(112, 148, 4))
def test_sizes_around_a_whole_group_are_usable(bench: Bench, megabytes: int) -> None:
    tree = bench.directory / "around"
    tree.mkdir()
    (tree / "file").write_bytes(os.urandom(megabytes << 20))
    make(bench, Source(path=tree))


def test_what_does_not_fit_is_told_with_sizes(bench: Bench) -> None:
    source = Source(path=bench.tree(), hidden=HIDDEN)
    (source.path / "etc/film").write_bytes(bytes(range(256)) * (8 << 12))
    partition = bench.partition(filesystem="ext4", size="2MiB")
    with pytest.raises(PlanError, match=r"partition part has 4.0 MiB, but what goes into it needs \d+\.\d MiB"):
        make_ext4(bench.tools, source, partition, out=bench.directory / "p.img", epoch=EPOCH, read_only=True)


def test_a_writable_one_has_inodes_to_spare_and_can_grow(bench: Bench) -> None:
    tree = bench.directory / "empty"
    tree.mkdir(mode=0o755)
    image = make(bench, Source(path=tree), read_only=False, size="512MiB", label="data", grow=True)
    described = bench.look("dumpe2fs", "-h", "/job/at", at=image)
    assert int(described.split("Inode count:")[1].split()[0]) >= (512 << 20) // 16384
    assert int(described.split("Reserved GDT blocks:")[1].split()[0]) >= 60


def test_a_disk_that_is_full_is_noticed(bench: Bench) -> None:
    room = bench.memory("small", "6m")
    tree = bench.directory / "large"
    tree.mkdir()
    (tree / "file").write_bytes(os.urandom(8 << 20))
    source = Source(path=tree)
    partition = bench.partition(needed_bytes(source, read_only=True), filesystem="ext4")
    with pytest.raises(CommandFailed, match="No space left on device"):
        make_ext4(bench.tools, source, partition, out=room / "p.img", epoch=EPOCH, read_only=True)


def test_where_a_file_lies_and_where_it_has_holes_changes_nothing(bench: Bench) -> None:
    begin, end = os.urandom(300_000), os.urandom(500_001)
    whole = begin + bytes((4 << 20) - len(begin)) + end + bytes(99_999)
    trees = [bench.directory / "solid", bench.directory / "sparse", bench.memory("elsewhere", "64m")]
    for tree in trees:
        tree.mkdir(exist_ok=True)
        tree.chmod(0o755)
        os.utime(tree, (EPOCH, EPOCH))
    for tree in trees[0], trees[2]:
        (tree / "film").write_bytes(whole)
    with (trees[1] / "film").open("wb") as file:
        file.write(begin)
        file.seek(4 << 20)
        file.write(end)
        file.truncate(len(whole))
    for tree in trees:
        os.utime(tree / "film", (EPOCH, EPOCH))
    images = [make(bench, Source(path=tree), f"{number}.img") for number, tree in enumerate(trees)]
    first = images[0].read_bytes()
    assert all(image.read_bytes() == first for image in images)
    assert (unpacked(bench, images[1]) / "film").read_bytes() == whole
    # What a map of the image leaves out, a card that was something else before would show in the file.
    assert all(image.stat().st_blocks * 512 >= len(whole) for image in images)
