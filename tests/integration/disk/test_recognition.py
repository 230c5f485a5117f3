"""What is on a disk, by its bytes alone: every kind of file system and table, made by the real tools."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from builder.disk.read import read_table
from builder.disk.superblock import PROBE_BYTES, Superblock, identify
from builder.errors import ArtifactError
from builder.host.sandbox import Mount
from builder.units import MIB

from .disk_bench import Bench

UUID_TEXT = "0b5e7a2c-1111-4222-8333-944455556666"


def made(bench: Bench, *command: str, size: int = 64 * MIB) -> Superblock | None:
    image = bench.directory / "made.img"
    with image.open("wb") as file:
        file.truncate(size)
    mount = Mount(target="/job/made.img", source=image, writable=True)
    bench.lab.sandbox(mount).run((*command, "/job/made.img"), why="make a file system")
    with image.open("rb") as file:
        return identify(file.read(PROBE_BYTES))


@pytest.mark.in_namespace
def test_every_ext_is_told_from_the_others(bench: Bench) -> None:
    for kind in ("ext2", "ext3", "ext4"):
        found = made(bench, "mke2fs", "-q", "-t", kind, "-L", "learners", "-U", UUID_TEXT)
        assert found == Superblock(type=kind, label="learners", uuid=UUID_TEXT, size_bytes=64 * MIB)


@pytest.mark.in_namespace
def test_btrfs_and_swap_are_recognised(bench: Bench) -> None:
    found = made(bench, "mkfs.btrfs", "-q", "-L", "röot", "-U", UUID_TEXT, size=120 * MIB)
    assert found == Superblock(type="btrfs", label="röot", uuid=UUID_TEXT, size_bytes=120 * MIB)
    found = made(bench, "mkswap", "-q", "-L", "swap", "-U", UUID_TEXT)
    assert found == Superblock(type="swap", label="swap", uuid=UUID_TEXT, size_bytes=64 * MIB)


@pytest.mark.in_namespace
@pytest.mark.parametrize(("kind", "size"), [("12", 2 * MIB), ("16", 32 * MIB), ("32", 64 * MIB)])
def test_every_fat_is_recognised(bench: Bench, kind: str, size: int) -> None:
    found = made(bench, "mkfs.fat", "-F", kind, "-i", "1A2B3C4D", "-n", "BOOT", size=size)
    assert found == Superblock(type="vfat", label="BOOT", uuid="1A2B-3C4D", size_bytes=size)
    found = made(bench, "mkfs.fat", "-F", kind, "-i", "1A2B3C4D", size=size)
    assert found is not None
    assert found.label == ""


@pytest.mark.in_namespace
def test_squashfs_is_recognised(bench: Bench) -> None:
    tree = bench.directory / "tree"
    tree.mkdir()
    (tree / "file").write_bytes(os.urandom(10_000))
    bench.look("mksquashfs", "/job/at", "/job/out/x.sqfs", "-quiet", "-no-progress", at=tree)
    image = bench.directory / "out/x.sqfs"
    found = identify(image.read_bytes())
    assert found is not None
    assert found.type == "squashfs"
    assert 10_000 < found.size_bytes <= image.stat().st_size


@pytest.mark.parametrize("head", [b"", bytes(PROBE_BYTES), b"\xff" * PROBE_BYTES, b"\xeb\x3c\x90" + bytes(600)])
def test_what_is_no_file_system_is_none(head: bytes) -> None:
    assert identify(head) is None


@pytest.mark.in_namespace
def test_an_mbr_is_read_with_its_logical_partitions(bench: Bench) -> None:
    image = bench.directory / "mbr.img"
    with image.open("wb") as file:
        file.truncate(64 * MIB)
    script = b"label: dos\nstart=2048,size=8192,type=c,bootable\nstart=16384,type=5\nstart=18432,size=4096,type=83\n"
    mount = Mount(target="/job/mbr.img", source=image, writable=True)
    bench.lab.sandbox(mount).run(("sfdisk", "--quiet", "/job/mbr.img"), why="make an MBR", stdin=script)
    table = read_table(image)
    assert (table.kind, table.size_bytes) == ("mbr", 64 * MIB)
    placed = [(part.number, part.start_bytes, part.size_bytes) for part in table.partitions]
    assert placed[0] == (1, MIB, 4 * MIB)
    assert (5, 9 * MIB, 2 * MIB) in placed
    assert "boot" in table.partitions[0].flags


def test_what_is_no_disk_image_is_told_so(tmp_path: Path) -> None:
    noise, empty = tmp_path / "noise", tmp_path / "empty"
    noise.write_bytes(os.urandom(MIB))
    empty.touch()
    for path in (noise, empty, tmp_path, tmp_path / "missing"):
        with pytest.raises(ArtifactError, match=path.name):
            read_table(path)


@pytest.mark.in_namespace
def test_an_image_on_a_larger_card_and_one_without_its_first_table_are_still_read(bench: Bench) -> None:
    from builder.disk.assemble import Pieces, assemble
    from builder.progress import Reporter

    layout = bench.layout({"name": "only", "size": "8MiB"})
    image = bench.directory / "disk.img"
    assemble(bench.tools, layout, Pieces(of={}), image=image, reporter=Reporter())
    before = image.read_bytes()
    with image.open("r+b") as file:
        file.truncate(layout.size_bytes + 100 * MIB)
    assert [part.name for part in read_table(image).partitions] == ["only"]
    with image.open("r+b") as file:
        file.truncate(layout.size_bytes)
    assert image.read_bytes() == before
