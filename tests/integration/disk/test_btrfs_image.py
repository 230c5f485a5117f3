"""btrfs out of trees: subvolumes with exactly what belongs there."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest

from builder.disk.btrfs import make_btrfs, needed_bytes
from builder.disk.source import Source
from builder.disk.superblock import PROBE_BYTES, identify
from builder.errors import BuildFailed, PlanError
from builder.units import MIB

from .disk_bench import EPOCH, HIDDEN, Bench, facts

pytestmark = pytest.mark.in_namespace


def subvolumes(tree: Path) -> dict[str, Source]:
    return {"@": Source(path=tree, hidden=HIDDEN), "@home": Source(path=tree / "home")}


def make(bench: Bench, sources: dict[str, Source], name: str = "p.img", **wanted: object) -> Path:
    out = bench.directory / name
    partition = bench.partition(**{"filesystem": "btrfs", "size": "200MiB", "label": "root", **wanted})
    make_btrfs(bench.tools, sources, partition, out=out, epoch=EPOCH, compress="zstd:3")
    assert out.stat().st_size <= partition.size_bytes
    bench.look("btrfs", "check", "/job/at", at=out)
    return out


def restorable(tree: Path) -> dict[str, tuple[object, ...]]:
    """The facts of a tree, as far as `btrfs restore` brings them back."""
    return lost_in_restore(facts(tree, without=("tmp", "home", "srv/data", "proc")))


def lost_in_restore(found: dict[str, tuple[object, ...]]) -> dict[str, tuple[object, ...]]:
    """Without special mode bits and hard links, and without empty directories that come last, which it does not set."""
    kept: dict[str, tuple[object, ...]] = {}
    for name, (mode, owner, group, when, content) in found.items():
        if name in {"srv/data", "tmp"}:
            continue
        plain = oct(int(str(mode), 8) & ~0o7000)
        kept[name] = (plain, owner, group, when, content[1] if isinstance(content, tuple) else content)
    return kept


def number_of(bench: Bench, image: Path, subvolume: str) -> str:
    listed = bench.look("btrfs", "inspect-internal", "dump-tree", "-t", "root", "/job/at", at=image)
    found = re.search(rf"key \(FS_TREE ROOT_REF (\d+)\)[^\n]*\n[^\n]* name {subvolume}\n", listed)
    assert found is not None
    return found[1]


def unpacked(bench: Bench, image: Path, subvolume: str) -> Path:
    number = number_of(bench, image, subvolume)
    target = bench.directory / "out" / subvolume
    target.mkdir(parents=True)
    bench.look("btrfs", "restore", "-mSxiv", "-r", number, "/job/at", f"/job/out/{subvolume}", at=image)
    return target


def test_every_subvolume_has_what_belongs_there(bench: Bench) -> None:
    tree = bench.tree()
    image = make(bench, subvolumes(tree))
    assert lost_in_restore(facts(unpacked(bench, image, "@"))) == restorable(tree)
    assert facts(unpacked(bench, image, "@home")) == facts(tree / "home")
    system = bench.look(
        "btrfs", "inspect-internal", "dump-tree", "-t", number_of(bench, image, "@"), "/job/at", at=image
    )
    assert "mode 104640 links 2 uid 107 gid 33" in system
    assert "mode 41777 links 1 uid 0 gid 0" in system
    assert "mode 40750 links 1 uid 998 gid 998" in system
    assert "data kept" in system
    assert "compression 3" in system


def test_nobody_but_root_owns_the_top_and_it_is_open(bench: Bench) -> None:
    image = make(bench, subvolumes(bench.tree()))
    top = bench.look("btrfs", "inspect-internal", "dump-tree", "-t", "5", "/job/at", at=image)
    assert "mode 40755 links 1 uid 0 gid 0" in top


def test_the_superblock_says_what_was_asked_for(bench: Bench) -> None:
    image = make(bench, subvolumes(bench.tree()))
    found = identify(image.read_bytes()[:PROBE_BYTES])
    partition = bench.partition(filesystem="btrfs", size="200MiB")
    assert found is not None
    assert (found.type, found.label, found.uuid) == ("btrfs", "root", partition.filesystem_uuid)
    assert found.size_bytes == 200 * MIB
    described = bench.look("btrfs", "inspect-internal", "dump-super", "/job/at", at=image)
    assert "sectorsize\t\t4096" in described
    assert "BLOCK_GROUP_TREE" not in described
    assert "FREE_SPACE_TREE_VALID" in described
    assert "DUP" in bench.look("btrfs", "inspect-internal", "dump-tree", "-t", "chunk", "/job/at", at=image)


def test_a_btrfs_without_subvolumes(bench: Bench) -> None:
    tree = bench.tree()
    image = make(bench, {"": Source(path=tree, hidden=HIDDEN)})
    out = bench.directory / "out/top"
    out.mkdir()
    bench.look("btrfs", "restore", "-mSxi", "/job/at", "/job/out/top", at=image)
    assert lost_in_restore(facts(out)) == restorable(tree)


def test_a_link_between_subvolumes_is_refused(bench: Bench) -> None:
    tree = bench.tree()
    os.link(tree / "etc/secret", tree / "home/secret")
    with pytest.raises(BuildFailed, match=r"@/etc.*and @home/secret are one file"):
        make(bench, subvolumes(tree))


def test_what_does_not_fit_is_told_and_the_advice_is_right(bench: Bench) -> None:
    tree = bench.tree()
    (tree / "etc/film").write_bytes(os.urandom(220 * MIB))
    with pytest.raises(
        PlanError, match=r"partition part has 200.0 MiB, but what goes into it needs 3\d\d\.\d MiB"
    ) as error:
        make(bench, subvolumes(tree))
    assert error.value.hint is not None
    make(bench, subvolumes(tree), size=error.value.hint.split()[-1])


@pytest.mark.parametrize("megabytes", [0, 30, 300, 1200])
def test_the_needed_size_is_enough(bench: Bench, megabytes: int) -> None:
    tree = bench.tree()
    for number in range(megabytes):
        (tree / f"etc/{number}").write_bytes(os.urandom(MIB))
    partition = bench.partition(filesystem="btrfs")
    needed = needed_bytes(bench.tools, subvolumes(tree), partition, scratch=bench.directory, compress="zstd:3")
    assert needed < (megabytes * 1.3 + 200) * MIB
    make(bench, subvolumes(tree), size=needed)


def test_many_small_files_in_the_needed_size(bench: Bench) -> None:
    tree = bench.tree()
    for number in range(30_000):
        (tree / f"etc/deep/{number}").write_bytes(os.urandom(number % 3000))
    partition = bench.partition(filesystem="btrfs")
    needed = needed_bytes(bench.tools, subvolumes(tree), partition, scratch=bench.directory, compress="zstd:3")
    make(bench, subvolumes(tree), size=needed)


def test_what_fits_only_compressed_is_made_smaller_than_its_partition(bench: Bench) -> None:
    tree = bench.tree()
    (tree / "etc/log").write_bytes(b"the same line again and again\n" * (10 * MIB))
    image = make(bench, subvolumes(tree))
    assert image.stat().st_size < 200 * MIB
    found = identify(image.read_bytes()[:PROBE_BYTES])
    assert found is not None
    assert found.size_bytes == image.stat().st_size
