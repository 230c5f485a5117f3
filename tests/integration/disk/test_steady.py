"""Equal trees give equal bytes: whenever they were made, wherever they lie, and whoever builds with what.

The second build of each pair gets the tree as layers: its names come in another order, its inodes have other numbers
and younger times, its attributes were set in another order, its files have no holes. It runs on one processor and with
another umask.
"""

from __future__ import annotations

import os
import re
import shutil
import socket
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

import pytest

from builder.disk.btrfs import make_btrfs
from builder.disk.ext4 import make_ext4
from builder.disk.extents import Extent
from builder.disk.grub import boot_code_for, make_bios_boot
from builder.disk.preload import BULK, STEADY, Library, compile_library, environment
from builder.disk.publish import publish
from builder.disk.source import Source
from builder.disk.table import write_table
from builder.disk.vfat import make_vfat
from builder.errors import CommandFailed
from builder.host.namespace import overlay_mounted
from builder.host.sandbox import Mount
from builder.progress import Reporter
from builder.units import MIB

from .disk_bench import EPOCH, HIDDEN, Bench, facts

pytestmark = pytest.mark.in_namespace

ATTRIBUTES = {f"user.{name}": name.encode() * 9 for name in ("zebra", "ant", "Mole", "bee", "ox")}
CAPABILITY = bytes.fromhex("0100000200040000000000000000000000000000")
"""cap_net_bind_service=ep, as setcap stores it."""


def tree_of_everything(bench: Bench) -> Path:
    """A tree with every kind of file, name and time that a file system can have."""
    tree = bench.tree()
    (tree / "many").mkdir()
    for number in range(400):
        (tree / f"many/{number:x}").write_bytes(b"%d " % number * number)
    os.mkfifo(tree / "etc/fifo")
    with socket.socket(socket.AF_UNIX) as listening:
        # The path of a socket must be short.
        os.chdir(tree / "etc")
        listening.bind("socket")
    (tree / os.fsdecode(b"etc/\xff not text\n")).write_text("raw")
    (tree / "etc/text").write_bytes(b"the same line again\n" * 100_000)
    for name, value in ATTRIBUTES.items():
        os.setxattr(tree / "etc/text", name, value)
    os.setxattr(tree / "etc/text", "security.capability", CAPABILITY)
    os.utime(tree / "etc/text", (5, EPOCH + 12_345))
    os.utime(tree / "etc/empty", (6, -5_000_000))
    return tree


@contextmanager
def as_layers(tree: Path, directory: Path) -> Iterator[Path]:
    """The same tree put together of two layers, by a builder that differs in everything."""
    lower, upper = directory / "lower", directory / "upper"
    for layer in (lower, upper):
        subprocess.run(["cp", "-a", "--sparse=never", tree, layer], check=True)
    # An overlay shows the names of the lowest layer first.
    for number in range(0, 400, 3):
        (lower / f"many/{number:x}").unlink()
    for name in ATTRIBUTES:
        os.removexattr(upper / "etc/text", name)
    for name in sorted(ATTRIBUTES):
        os.setxattr(upper / "etc/text", name, ATTRIBUTES[name])
    os.utime(upper / "etc/text", (EPOCH + 10**6, EPOCH + 54_321))
    os.umask(0o077)
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    with overlay_mounted((lower,), upper=upper, work=directory / "work", target=directory / "merged") as merged:
        yield merged


def test_the_second_tree_is_equal_but_looks_different_to_a_program(bench: Bench) -> None:
    tree = tree_of_everything(bench)
    with as_layers(tree, bench.directory) as other:
        here, there = ([path.name for path in (top / "many").iterdir()] for top in (tree, other))
        assert here != there
        assert sorted(here) == sorted(there)
        assert os.listxattr(tree / "etc/text") != os.listxattr(other / "etc/text")
        assert (tree / "etc/deep/sparse").stat().st_blocks != (other / "etc/deep/sparse").stat().st_blocks
        assert (tree / "etc/text").stat().st_atime != (other / "etc/text").stat().st_atime
        assert facts(other, times=False) == facts(tree, times=False)


def day(seconds: int) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)


def btrfs(bench: Bench, tree: Path, out: Path, compress: str | None) -> None:
    subvolumes = {"@": Source(path=tree, hidden=HIDDEN), "@home": Source(path=tree / "home")}
    partition = bench.partition(filesystem="btrfs", size="200MiB", label="root")
    make_btrfs(bench.tools, subvolumes, partition, out=out, epoch=EPOCH, compress=compress)
    bench.look("btrfs", "check", "--check-data-csum", "/job/at", at=out)


def ext4(bench: Bench, tree: Path, out: Path, read_only: bool) -> None:
    partition = bench.partition(filesystem="ext4", size="200MiB", label="content")
    source = Source(path=tree, hidden=HIDDEN)
    make_ext4(bench.tools, source, partition, out=out, epoch=EPOCH, read_only=read_only)
    bench.look("e2fsck", "-fn", "/job/at", at=out)


@pytest.mark.parametrize(
    "make",
    [
        pytest.param(lambda *where: btrfs(*where, "zstd:3"), id="btrfs-zstd"),
        pytest.param(lambda *where: btrfs(*where, None), id="btrfs"),
        pytest.param(lambda *where: ext4(*where, True), id="ext4-read-only"),
        pytest.param(lambda *where: ext4(*where, False), id="ext4-read-write"),
    ],
)
def test_equal_trees_give_equal_file_systems(bench: Bench, make: Callable[[Bench, Path, Path], None]) -> None:
    tree = tree_of_everything(bench)
    first, second = bench.directory / "first.img", bench.directory / "second.img"
    make(bench, tree, first)
    with as_layers(tree, bench.directory) as other:
        make(bench, other, second)
    assert first.read_bytes() == second.read_bytes()


def test_no_time_in_a_btrfs_is_the_builds_own(bench: Bench) -> None:
    image = bench.directory / "p.img"
    btrfs(bench, tree_of_everything(bench), image, None)
    dumped = bench.look("btrfs", "inspect-internal", "dump-tree", "/job/at", at=image)
    for inode in re.findall(r"\t\tatime (\S+) .*\n\t\tctime (\S+) .*\n\t\tmtime (\S+) ", dumped):
        assert len(set(inode)) == 1, inode
    times = {int(time) for time in re.findall(r"\t\t[acmo]time (\d+)\.\d+ ", dumped)}
    assert {EPOCH, EPOCH - 5000, 2**64 - 5_000_000} <= times
    assert {time for time in times if EPOCH < time < 2**63} == set()
    assert CAPABILITY in image.read_bytes()


def test_no_time_in_an_ext4_is_the_builds_own(bench: Bench) -> None:
    image = bench.directory / "p.img"
    ext4(bench, tree_of_everything(bench), image, False)
    described = bench.look("dumpe2fs", "-h", "/job/at", at=image)
    dates = set(re.findall(r"(?:created|time|checked): +(.*\d)", described))
    assert dates == {f"{day(EPOCH):%a %b %e %H:%M:%S %Y}"}
    for path in ("", "lost+found", "etc", "etc/text", "etc/secret", "etc/link", "<7>", "<8>"):
        shown = bench.look("debugfs", "-R", f"stat /{path}" if path[:1] != "<" else f"stat {path}", "/job/at", at=image)
        found = {name: int(value, 16) for name, value in re.findall(r"([acm]time|crtime): 0x([0-9a-f]+):", shown)}
        assert all(time <= EPOCH for time in found.values()), (path, found)
        if path.startswith("etc"):
            assert found["atime"] == found["mtime"] == found["ctime"]


def test_equal_files_give_an_equal_vfat_core_and_table(bench: Bench) -> None:
    layout = bench.layout(
        {"name": "bios", "type": "bios-boot", "size": "4MiB"},
        {"name": "esp", "type": "esp", "size": "64MiB", "filesystem": "vfat", "label": "ESP", "mount": "/boot/efi"},
    )
    bios, esp = layout.partitions
    kernel = os.urandom(3 * MIB)

    def make(name: str, kernel_date: int, order: int) -> list[bytes]:
        top = bench.directory / name
        top.mkdir()
        (top / "vmlinuz").write_bytes(kernel)
        os.utime(top / "vmlinuz", (kernel_date, kernel_date))
        paths = ("EFI/BOOT/BOOTX64.EFI", "loader/loader.conf", "a long name of a file.txt", "satchel/empty")[::order]
        files: dict[str, Path | bytes] = {path: b"" if "empty" in path else path.encode() for path in paths}
        files["satchel/vmlinuz"] = top / "vmlinuz"
        make_vfat(bench.tools, files, esp, out=top / "esp.img", epoch=EPOCH)
        make_bios_boot(bench.tools, bios, esp=esp, out=top / "bios.img")
        (top / "disk.img").touch()
        os.truncate(top / "disk.img", layout.size_bytes)
        write_table(bench.tools, layout, top / "disk.img")
        code = boot_code_for(bench.tools, bios)
        return [code, *((top / f"{made}.img").read_bytes() for made in ("esp", "bios", "disk"))]

    first = make("first", EPOCH - 10**7, 1)
    os.umask(0o077)
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    assert make("second", EPOCH + 10**6, -1) == first
    listed = bench.look("mdir", "-/", "-i", "/job/at", "::", at=bench.directory / "first/esp.img")
    assert set(re.findall(r"\d{4}-\d\d-\d\d +\d+:\d\d", listed)) == {f"{day(EPOCH):%Y-%m-%d  %k:%M}"}


def test_the_compressed_image_does_not_depend_on_the_number_of_processors(bench: Bench) -> None:
    image = bench.directory / "disk.img"
    image.write_bytes(b"text " * MIB + os.urandom(9 * MIB) + bytes(20 * MIB) + b"end " * MIB)
    mapped = (Extent(0, 14 * MIB), Extent(34 * MIB, 4 * MIB))
    first = publish(image, mapped, zst=bench.directory / "first.zst", reporter=Reporter())
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    assert publish(image, mapped, zst=bench.directory / "second.zst", reporter=Reporter()) == first
    assert (bench.directory / "first.zst").read_bytes() == (bench.directory / "second.zst").read_bytes()


def test_labels_of_the_hosts_security_module_stay_on_the_host(bench: Bench) -> None:
    tree = bench.tree()
    with suppress(OSError):
        os.setxattr(tree / "etc/secret", "security.selinux", b"host_u:object_r:host_t:s0")
    if "security.selinux" not in os.listxattr(tree / "etc/secret"):
        pytest.skip("this kernel lets nobody set such a label here")
    image = bench.directory / "p.img"
    btrfs(bench, tree, image, None)
    assert b"host_u:object_r" not in image.read_bytes()


def test_the_library_refuses_to_guess(bench: Bench) -> None:
    (bench.directory / "room").mkdir()
    (bench.directory / "disk").write_bytes(bytes(200 * MIB))
    complete = environment(STEADY, seed=uuid4(), epoch=EPOCH)
    disk = Mount(target="/job/disk", source=bench.directory / "disk", writable=True)
    sandbox = bench.tools.sandbox(compile_library(STEADY, bench.tools, bench.directory / "room"), disk)
    for missing in ("STEADY_SEED", "SOURCE_DATE_EPOCH"):
        rest = {name: value for name, value in complete.items() if name != missing}
        with pytest.raises(CommandFailed, match=f"{missing} is not set") as error:
            sandbox.run(("mkfs.btrfs", "/job/disk"), why="try", env=rest)
        assert error.value.tail
    with pytest.raises(CommandFailed, match="is not a UUID"):
        sandbox.run(("mkfs.btrfs", "/job/disk"), why="try", env={**complete, "STEADY_SEED": "nonsense"})


@pytest.mark.skipif(shutil.which("gcc") is None, reason="the second compiler is this host's gcc")
@pytest.mark.parametrize("library", [STEADY, BULK], ids=lambda library: library.source.stem)
def test_a_strict_compiler_finds_nothing_to_say(bench: Bench, library: Library) -> None:
    strict = ("-Wall", "-Wextra", "-Wpedantic", "-Wshadow", "-Wconversion", "-Werror", "-fsyntax-only")
    argv = ("gcc", *strict, f"--sysroot={bench.tools.tree}", library.source)
    done = subprocess.run(argv, check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
