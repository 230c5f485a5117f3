"""The forms of a disk for clouds, as programs read them that are not ours: qemu-img, and libvhdi for the VHD."""

from __future__ import annotations

import hashlib
import os
import struct
from pathlib import Path

import pytest

from builder.disk.extents import data_extents
from builder.disk.qcow2 import make_qcow2
from builder.disk.vhd import footer, geometry
from builder.errors import CommandFailed
from builder.host.sandbox import Mount
from builder.host.tools import Tools, ensure_lab
from builder.progress import Reporter
from builder.publication import Summed, sum_whole
from builder.recipe.model import Outputs
from builder.units import GIB, MIB, SECTOR

from .disk_bench import EPOCH

READERS = ("python3", "python3-libvhdi", "libvhdi-utils", "qemu-utils")

READ_ALL = """\
import hashlib, sys, pyvhdi
disk, digest = pyvhdi.file(), hashlib.sha256()
disk.open(sys.argv[1])
left = disk.get_media_size()
print(left, disk.get_disk_type(), disk.get_identifier())
while left:
    read = disk.read_buffer(min(left, 1 << 20))
    digest.update(read)
    left -= len(read)
print(digest.hexdigest())
"""


def readers() -> Tools:
    return ensure_lab(Reporter(), READERS)


def disk(directory: Path, *, size: int = 100 * MIB) -> Path:
    """A disk with a GPT at both ends, some data and long holes; its size is no whole number of cylinders."""
    path = directory / "disk.img"
    with path.open("wb") as file:
        file.truncate(size)
        file.write(os.urandom(100_000))
        for at in (size // 2, size - MIB):
            file.seek(at)
            file.write(os.urandom(MIB))
        file.seek(size - SECTOR)
        file.write(b"EFI PART".ljust(SECTOR, b"\0"))
    return path


def summed(image: Path) -> Summed:
    with image.open("rb") as file:
        mapped = tuple(data_extents(file.fileno()))
    return sum_whole(image, mapped, Outputs(zst=False, vhd=True), date=EPOCH, reporter=Reporter())


def look(tools: Tools, path: Path, *command: str) -> str:
    """What a program says about a file or a directory, which it finds as /job/at; both its streams."""
    lines: list[str] = []
    tools.sandbox(Mount(target="/job/at", source=path)).run(command, why="look into it", on_line=lines.append)
    return "\n".join(lines)


def sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@pytest.mark.in_namespace
def test_two_readers_see_the_same_disk_in_the_vhd(tmp_path: Path) -> None:
    image, tools = disk(tmp_path), readers()
    size, digests = image.stat().st_size, summed(image).digests
    vhd = tmp_path / "disk.vhd"
    assert geometry(size // SECTOR) == (1003, 12, 17)
    assert size > 1003 * 12 * 17 * SECTOR, "a reader that goes by the geometry would lose the end of the disk"

    said = look(tools, tmp_path, "qemu-img", "info", "-f", "vpc", "/job/at/disk.vhd")
    assert f"({size} bytes)" in said
    compare = ("qemu-img", "compare", "-f", "raw", "-F", "vpc", "/job/at/disk.img", "/job/at/disk.vhd")
    assert "identical" in look(tools, tmp_path, *compare)

    found = look(tools, vhd, "python3", "-c", READ_ALL, "/job/at").splitlines()
    ending = footer(sha256(image), size_bytes=size, date=EPOCH)
    identity = ending[68:84].hex()
    assert found[0].replace("-", "") == f"{size} 2 {identity}"
    assert found[1] == sha256(image)
    assert "Fixed" in look(tools, vhd, "vhdiinfo", "/job/at")

    assert vhd.read_bytes() == image.read_bytes() + ending
    assert vhd.read_bytes()[-2 * SECTOR :].startswith(b"EFI PART"), "the second table is at the end of the disk"
    assert digests["disk.vhd"].sha256 == sha256(vhd)
    assert digests["disk.vhd"].size_bytes == vhd.stat().st_size == size + SECTOR
    # Holes stay holes, give or take the file system's own blocks.
    assert vhd.stat().st_blocks - image.stat().st_blocks <= 2 * 4096 // 512


@pytest.mark.in_namespace
def test_qemu_finds_the_checksum_right_and_refuses_another(tmp_path: Path) -> None:
    tools, vhd = readers(), tmp_path / "disk.vhd"
    summed(disk(tmp_path))
    info = ("qemu-img", "info", "-f", "vpc", "/job/at")
    look(tools, vhd, *info)
    with vhd.open("r+b") as file:
        file.seek(-1, os.SEEK_END)
        file.write(b"\x01")
    with pytest.raises(CommandFailed, match="Incorrect header checksum"):
        look(tools, vhd, *info)


@pytest.mark.in_namespace
@pytest.mark.parametrize("size", [3 * MIB, 137 * MIB, 300 * MIB, 8 * GIB, 127 * GIB])
def test_qemu_computes_the_same_geometry(size: int, tmp_path: Path) -> None:
    tools = readers()
    sandbox = tools.sandbox(Mount(target="/job/at", source=tmp_path, writable=True))
    create = ("qemu-img", "create", "-q", "-f", "vpc", "-o", "subformat=fixed", "/job/at/made.vhd", str(size))
    sandbox.run(create, why="make a VHD")
    with (tmp_path / "made.vhd").open("rb") as file:
        file.seek(-512, os.SEEK_END)
        theirs = file.read()
    # Where it is left to itself it makes the disk as large as a geometry.
    (current,) = struct.unpack(">Q", theirs[48:56])
    assert geometry(current // SECTOR) == struct.unpack(">HBB", theirs[56:60])


@pytest.mark.in_namespace
def test_a_qcow2_is_the_same_disk_and_the_same_bytes_wherever_holes_are(tmp_path: Path) -> None:
    image, tools = disk(tmp_path), readers()
    full = tmp_path / "full.img"
    full.write_bytes(image.read_bytes())
    one, other = tmp_path / "one.qcow2", tmp_path / "other.qcow2"
    make_qcow2(tools, image, out=one)
    make_qcow2(tools, full, out=other)
    assert one.read_bytes() == other.read_bytes()
    assert "no errors" in look(tools, one, "qemu-img", "check", "/job/at").lower()
    compare = ("qemu-img", "compare", "-f", "raw", "-F", "qcow2", "/job/at/disk.img", "/job/at/one.qcow2")
    assert "identical" in look(tools, tmp_path, *compare)
    assert one.stat().st_size < image.stat().st_size // 10
