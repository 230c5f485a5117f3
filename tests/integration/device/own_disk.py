"""A card as it was flashed, in pieces: the table on a plain file, and each file system in a file of its own."""

from __future__ import annotations

import json
import struct
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, Final

from builder.disk.btrfs import make_btrfs
from builder.disk.ext4 import make_ext4, needed_bytes
from builder.disk.source import Source
from builder.disk.superblock import PROBE_BYTES, identify
from builder.disk.table import write_table
from builder.disk.vfat import make_vfat
from builder.host.places import OVERLAYS
from builder.host.sandbox import Mount
from tests.integration.disk.disk_bench import EPOCH, Bench

LIBRARY: Final = OVERLAYS / "own-disk/usr/lib/satchel/own-disk"
LARGER: Final = 64 << 20
"""By how much the card is larger than the image."""

SYSTEMS: Final = {"esp": "vfat", "root": "btrfs", "content": "ext4", "data": "ext4"}
CHECKS: Final = {"vfat": ("fsck.fat", "-n"), "btrfs": ("btrfs", "check"), "ext4": ("e2fsck", "-fn")}

CHANGING: Final = 1 << 36
"""BTRFS_SUPER_FLAG_CHANGING_FSID_V2."""

POWER_CUT: Final = """#!/bin/sh
# In the place of every program: starts it, unless it is the one before which the power goes.
name=${0##*/}
echo "$name $*" >>/job/card/started
if [ "$(wc -l </job/card/started)" -gt "$CUT" ]; then
    kill -9 "$PPID"
    exit 1
fi
PATH=${PATH#*:} exec "$name" "$@"
"""


@dataclass(frozen=True, slots=True)
class Card:
    """The directory with the files, and what works on them."""

    bench: Bench
    directory: Path

    @property
    def disk(self) -> Path:
        """The file with the table."""
        return self.directory / "disk"

    def start(self, image: str, *, cut: int | None = None) -> list[str]:
        """Run `new-ids` as at a start of the device; which programs it started, the last of them cut off if any was."""
        systems = [f"{kind}:/job/card/{name}" for name, kind in SYSTEMS.items()]
        mounts = (
            Mount(target="/job/card", source=self.directory, writable=True),
            Mount(target="/job/own-disk", source=LIBRARY),
            Mount(target="/job/cut", source=_programs(self.bench.directory)),
        )
        (self.directory / "started").write_text("")
        path = "/job/cut:/usr/sbin:/usr/bin:/sbin:/bin"
        self.bench.tools.sandbox(*mounts).run(
            ("sh", "/job/own-disk/new-ids", image, "/job/card/disk", *systems),
            why="give the card ids",
            env={"PATH": path, "CUT": str(1000 if cut is None else cut)},
            accept=range(256) if cut is not None else (0,),
        )
        return (self.directory / "started").read_text().splitlines()

    def mend(self) -> None:
        """Run `mend` as at a start of the device."""
        systems = [f"{kind}:/job/card/{name}" for name, kind in SYSTEMS.items()]
        mounts = (
            Mount(target="/job/card", source=self.directory, writable=True),
            Mount(target="/job/own-disk", source=LIBRARY),
        )
        self.bench.tools.sandbox(*mounts).run(("sh", "/job/own-disk/mend", *systems), why="mend the card")

    def table(self) -> dict[str, Any]:
        """The table as sfdisk reads it."""
        done = subprocess.run(("sfdisk", "--json", self.disk), capture_output=True, text=True, check=True)
        table: dict[str, Any] = json.loads(done.stdout)["partitiontable"]
        return table

    def ids(self) -> dict[str, str]:
        """Every id on the card, by what has it."""
        table = self.table()
        partitions = {f"partition {part['name']}": part["uuid"] for part in table["partitions"]}
        return {"disk": table["id"], **partitions, **{f"file system {name}": self.uuid(name) for name in SYSTEMS}}

    def uuid(self, name: str) -> str:
        """The UUID of one file system."""
        with (self.directory / name).open("rb") as file:
            found = identify(file.read(PROBE_BYTES))
        assert found is not None
        return found.uuid

    def check_systems(self) -> None:
        """Every file system is without fault."""
        for name, kind in SYSTEMS.items():
            self.bench.look(*CHECKS[kind], "/job/at", at=self.directory / name)

    def check(self) -> None:
        """Every file system and the table are without fault, and the table fits the card."""
        self.check_systems()
        verified = subprocess.run(("sfdisk", "--verify", self.disk), capture_output=True, text=True, check=True)
        assert "mismatch" not in verified.stdout + verified.stderr

    def again(self, name: str) -> Card:
        """Another card, the same to the last byte."""
        copy = self.directory.with_name(name)
        subprocess.run(("rm", "-rf", copy), check=True)
        subprocess.run(("cp", "--archive", "--sparse=always", self.directory, copy), check=True)
        return Card(self.bench, copy)


def flash(bench: Bench) -> Card:
    """A card with everything that an image has, made by what makes images."""
    directory = bench.directory / "card"
    directory.mkdir()
    source = Source(path=bench.tree(), hidden=("/home",))
    sizes = {name: needed_bytes(source, read_only=name == "content") for name in ("content", "data")}
    layout = bench.layout(
        {"name": "bios", "type": "bios-boot", "size": "4MiB"},
        {"name": "esp", "type": "esp", "size": "64MiB", "filesystem": "vfat"},
        {"name": "root", "size": "200MiB", "filesystem": "btrfs"},
        {"name": "content", "size": "fit", "filesystem": "ext4"},
        {"name": "data", "size": "fit", "filesystem": "ext4"},
        needed=sizes,
    )
    parts = {name: layout.partition(name) for name in SYSTEMS}
    out = {name: directory / name for name in SYSTEMS}
    make_vfat(bench.tools, {"file": b"text"}, parts["esp"], out=out["esp"], epoch=EPOCH)
    home = Source(path=source.path / "home")
    make_btrfs(bench.tools, {"@": source, "@home": home}, parts["root"], out=out["root"], epoch=EPOCH)
    for name in ("content", "data"):
        make_ext4(bench.tools, source, parts[name], out=out[name], epoch=EPOCH, read_only=name == "content")
    disk = directory / "disk"
    with disk.open("wb") as file:
        file.truncate(layout.size_bytes)
    write_table(bench.tools, layout, disk)
    with disk.open("r+b") as file:
        file.write(b"boot code " * 44)
        file.truncate(layout.size_bytes + LARGER)
    return Card(bench, directory)


def interrupt_change(path: Path, *, copies: tuple[int, ...] = (0x10000,)) -> None:
    """Leave a btrfs as a btrfstune does that was cut off: marked in one superblock or in several."""
    with path.open("r+b") as file:
        for offset in copies:
            block = bytearray(_read(file, offset, 4096))
            (flags,) = struct.unpack_from("<Q", block, 0x38)
            struct.pack_into("<Q", block, 0x38, flags | CHANGING)
            _write_summed(file, offset, block)


def leave_log(path: Path) -> None:
    """Leave a btrfs as the kernel does at a power cut: its superblock names a log, here a copy of the tree of roots.

    Offsets are from the kernel's documentation of the on-disk format. btrfstune takes such a file system.
    """
    with path.open("r+b") as file:
        superblock = bytearray(_read(file, 0x10000, 4096))
        generation, root = struct.unpack_from("<QQ", superblock, 0x48)
        (size,) = struct.unpack_from("<I", superblock, 0x94)
        free = root + 64 * size
        for place in range(0, path.stat().st_size, 4096):
            block = bytearray(_read(file, place, size))
            if block[0x20:0x30] == superblock[0x20:0x30] and struct.unpack_from("<Q", block, 0x30)[0] == root:
                assert not any(_read(file, place + free - root, size)), "nothing lies there"
                struct.pack_into("<Q", block, 0x30, free)
                struct.pack_into("<Q", block, 0x50, generation + 1)
                _write_summed(file, place + free - root, block)
        struct.pack_into("<Q", superblock, 0x60, free)
        superblock[0xC8] = superblock[0xC6]
        _write_summed(file, 0x10000, superblock)


def _read(file: BinaryIO, offset: int, size: int) -> bytes:
    file.seek(offset)
    return file.read(size)


def _write_summed(file: BinaryIO, offset: int, block: bytearray) -> None:
    struct.pack_into("<I", block, 0, _crc32c(block[0x20:]))
    file.seek(offset)
    file.write(block)


def _crc32c(data: bytes) -> int:
    value = 0xFFFFFFFF
    for byte in data:
        value ^= byte
        for _ in range(8):
            value = value >> 1 ^ (0x82F63B78 if value & 1 else 0)
    return value ^ 0xFFFFFFFF


def _programs(directory: Path) -> Path:
    place = directory / "programs"
    if not place.exists():
        place.mkdir()
        for name in ("btrfs", "btrfstune", "dd", "fatlabel", "mount", "sfdisk", "sync", "tune2fs"):
            (place / name).write_text(POWER_CUT)
            (place / name).chmod(0o755)
    return place
