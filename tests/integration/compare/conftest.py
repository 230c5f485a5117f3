"""Two disks with every kind of file system, made once: from one tree, and from the same tree with a few changes."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from builder.disk.btrfs import make_btrfs
from builder.disk.ext4 import make_ext4
from builder.disk.extents import copy_extent, data_extents
from builder.disk.source import Source
from builder.disk.table import write_table
from builder.disk.vfat import make_vfat
from builder.manifest import ON_ESP, DiskRecord, Manifest, Package, PartitionRecord
from builder.plan.layout import Layout, PlacedPartition
from builder.recipe.disk import DataClass, Subvolume
from builder.units import MIB
from tests.integration.conftest import _run_inside
from tests.integration.disk.disk_bench import EPOCH, HIDDEN, Bench
from tests.unit.finished_image import MANIFEST

WANTED: tuple[dict[str, object], ...] = (
    {"name": "bios", "type": "bios-boot", "size": "4MiB"},
    {"name": "esp", "type": "esp", "size": "64MiB", "filesystem": "vfat", "label": "SATCHEL", "mount": "/boot/efi"},
    {"name": "root", "size": "200MiB", "filesystem": "btrfs", "label": "root", "mount": "/"},
    {"name": "content", "size": "64MiB", "filesystem": "ext4", "label": "content", "mount": "/srv/content"},
    {"name": "data", "size": "64MiB", "filesystem": "ext4", "label": "data", "mount": "/srv/data", "grow": True},
)


@dataclass(frozen=True)
class Disk:
    """An image, where its partitions lie, and what tools that are not ours say about its ext4 file systems."""

    image: Path
    layout: Layout
    said: Path

    def start(self, partition: str) -> int:
        return self.layout.partition(partition).start_bytes

    def position(self, partition: str, content: bytes) -> list[int]:
        """Where some bytes lie in a partition; they must be there."""
        placed = self.layout.partition(partition)
        with self.image.open("rb") as file:
            file.seek(placed.start_bytes)
            data = file.read(placed.size_bytes)
        found = []
        at = data.find(content)
        while at >= 0:
            found.append(at)
            at = data.find(content, at + 1)
        assert found
        return found


def make_disk(bench: Bench, tree: Path, esp: dict[str, Path | bytes], name: str) -> None:
    directory = bench.directory / name
    directory.mkdir()
    layout = bench.layout(*WANTED)
    part = layout.partition
    pieces = {wanted: directory / f"{wanted}.img" for wanted in ("esp", "root", "content", "data")}
    make_vfat(bench.tools, esp, part("esp"), out=pieces["esp"], epoch=EPOCH)
    subvolumes = {"@": Source(path=tree, hidden=HIDDEN), "@home": Source(path=tree / "home")}
    make_btrfs(bench.tools, subvolumes, part("root"), out=pieces["root"], epoch=EPOCH, compress="zstd:3")
    make_ext4(
        bench.tools, Source(path=tree / "etc"), part("content"), out=pieces["content"], epoch=EPOCH, read_only=True
    )
    make_ext4(
        bench.tools, Source(path=tree / "srv/data"), part("data"), out=pieces["data"], epoch=EPOCH, read_only=False
    )
    for wanted in ("content", "data"):
        groups = bench.look("dumpe2fs", "/job/at", at=pieces[wanted])
        journal = bench.look("debugfs", "-R", "stat <8>", "/job/at", at=pieces[wanted])
        (directory / f"{wanted}.txt").write_text(f"{groups}\n{journal}\n")
    image = directory / "disk.img"
    with image.open("wb") as file:
        file.truncate(layout.size_bytes)
    write_table(bench.tools, layout, image)
    with image.open("r+b") as file:
        for wanted, path in pieces.items():
            with path.open("rb") as piece:
                for extent in data_extents(piece.fileno()):
                    at = part(wanted).start_bytes + extent.start
                    copy_extent(piece.fileno(), extent, file.fileno(), at=at, advance=lambda _count: None)
            path.unlink()


def record(placed: PlacedPartition) -> PartitionRecord:
    subvolumes = (
        (
            Subvolume(name="@", mount="/", data=DataClass.SYSTEM),
            Subvolume(name="@home", mount="/home", data=DataClass.SYSTEM),
        )
        if placed.name == "root"
        else ()
    )
    return PartitionRecord(
        number=placed.number,
        name=placed.name,
        type=placed.type,
        guid=str(placed.guid),
        start_bytes=placed.start_bytes,
        size_bytes=placed.size_bytes,
        filesystem=placed.filesystem,
        filesystem_uuid=placed.filesystem_uuid,
        label=placed.label,
        mount=None if subvolumes else placed.mount,
        options=(),
        data=placed.data,
        grow=placed.grow,
        subvolumes=subvolumes,
    )


def described(bench: Bench, *packages: Package) -> Manifest:
    layout = bench.layout(*WANTED)
    partitions = tuple(record(placed) for placed in layout.partitions)
    disk = DiskRecord(table="gpt", guid=str(layout.disk_guid), size_bytes=layout.size_bytes, partitions=partitions)
    return MANIFEST.model_copy(update={"disk": disk, "packages": packages, "digests": {}})


def first_tree(bench: Bench, name: str, video: bytes) -> Path:
    tree = bench.tree(name)
    times = (EPOCH - 5000, EPOCH - 5000)
    for path, content in (("etc/deep/video", video), ("etc/text", b"the same words again " * 40_000)):
        (tree / path).write_bytes(content)
        os.utime(tree / path, times)
    (tree / "etc/deep/sparse").unlink()
    (tree / "var/lib/dpkg/info").mkdir(parents=True)
    (tree / "var/lib/dpkg/info/texts.list").write_text("/.\n/etc\n/etc/text\n")
    for path in ("etc/deep", "etc"):
        os.utime(tree / path, times)
    return tree


def changed_tree(bench: Bench, video: bytes) -> Path:
    """One change of each kind."""
    tree = first_tree(bench, "second", video)
    kept = {path: path.lstat() for path in tree.rglob("*")}
    (tree / "etc/text").write_bytes(b"the same words AGAIN " * 40_000)
    (tree / "etc/long-link").unlink()
    (tree / "etc/long-link").symlink_to("/elsewhere")
    (tree / "etc/secret").chmod(0o640)
    os.chown(tree / "etc/deep/deeper", 5, 6)
    os.setxattr(tree / "etc/empty", "user.note", b"KEPT")
    (tree / "etc" / ("n" * 255)).unlink()
    (tree / "etc/new").write_text("not there before")
    (tree / "home/someone").write_text("in another subvolume, and longer")
    for path, facts in kept.items():
        if path.is_symlink() or path.exists():
            os.utime(path, ns=(facts.st_atime_ns, facts.st_mtime_ns), follow_symlinks=False)
    os.utime(tree / "etc/Ünïcode ☃", (EPOCH - 1, EPOCH - 1))
    os.utime(tree / "etc/new", (EPOCH - 5000, EPOCH - 5000))
    return tree


def _make_both(directory: Path) -> None:
    bench = Bench(directory)
    video = os.urandom(3 * MIB)
    files: dict[str, Path | bytes] = {"loader/loader.conf": b"timeout two", "satchel/initrd.img": video[: 2 * MIB]}
    old, new = (
        described(bench, Package(name="texts", version=version, kind="deb")).to_json().encode()
        for version in ("1", "2")
    )
    make_disk(bench, first_tree(bench, "first", video), {**files, "gone.txt": b"gone", ON_ESP: old}, "disk-a")
    changed = {**files, "loader/loader.conf": b"timeout ten!", ON_ESP: new}
    make_disk(bench, changed_tree(bench, video), changed, "disk-b")


@pytest.fixture(scope="session")
def disks(tmp_path_factory: pytest.TempPathFactory) -> tuple[Disk, Disk]:
    """The disk of the first tree, and that of the changed one."""
    directory = tmp_path_factory.mktemp("disks")
    _run_inside(lambda: _make_both(directory))
    layout = Bench(directory).layout(*WANTED)
    first, second = (
        Disk(image=directory / name / "disk.img", layout=layout, said=directory / name) for name in ("disk-a", "disk-b")
    )
    return first, second


def satchel(*arguments: str, cwd: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """The command as a person calls it."""
    command = [sys.executable, "-m", "builder", *arguments]
    env = {**os.environ, **environment}
    return subprocess.run(command, cwd=cwd, env=env, capture_output=True, text=True, check=False)


@pytest.fixture
def flipped(disks: tuple[Disk, Disk], tmp_path: Path) -> Callable[..., Path]:
    """A copy of the first disk in which all bits of the bytes at some positions are turned."""

    def make(*positions: int) -> Path:
        copy = tmp_path / "flipped.img"
        with disks[0].image.open("rb") as source, copy.open("wb") as target:
            target.truncate(disks[0].image.stat().st_size)
            for extent in data_extents(source.fileno()):
                copy_extent(source.fileno(), extent, target.fileno(), at=extent.start, advance=lambda _count: None)
        with copy.open("r+b") as file:
            for position in positions:
                file.seek(position)
                (byte,) = file.read(1)
                file.seek(position)
                file.write(bytes([byte ^ 0xFF]))
        return copy

    return make
