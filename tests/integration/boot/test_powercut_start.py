"""The kernel of a reconstructed card is found where its own ESP says, by real mtools."""

from __future__ import annotations

from pathlib import Path

import pytest

from builder.boot.machine import MACHINE
from builder.boot.powercut.log import Entry
from builder.boot.powercut.medium import Extent
from builder.boot.powercut.qcow2 import Layer
from builder.boot.powercut.start import FirmwareArea, direct_options
from builder.disk.read import Table, TablePartition
from builder.host.sandbox import Mount, Sandbox
from builder.host.tools import ensure_lab
from builder.progress import Reporter
from builder.units import MIB, SECTOR

pytestmark = pytest.mark.in_namespace


def partition(number: int, start: int, size: int, *flags: str) -> TablePartition:
    return TablePartition(number=number, name=f"p{number}", start_bytes=start, size_bytes=size, flags=flags)


TABLE = Table(
    kind="gpt",
    size_bytes=16 * MIB,
    sector_bytes=SECTOR,
    partitions=(partition(1, MIB, 4 * MIB, "esp"), partition(2, 6 * MIB, 4 * MIB), partition(3, 10 * MIB, 4 * MIB)),
)
ENTRY = b"title x\nlinux /satchel/vmlinuz\ninitrd /satchel/initrd.img\noptions root=UUID=0001 ro quiet\n"


def make_image(directory: Path) -> tuple[Path, Sandbox]:
    """A disk with an ESP, and a sandbox that sees its directory."""
    sandbox = ensure_lab(Reporter()).sandbox(Mount(target=MACHINE, source=directory, writable=True))
    esp = directory / "made.img"
    esp.write_bytes(bytes(4 * MIB))
    at = f"{MACHINE}/made.img"
    sandbox.run(("mkfs.vfat", at), why="make an ESP")
    sandbox.run(("mmd", "-i", at, "::/loader", "::/loader/entries", "::/satchel"), why="make directories")
    files = {"loader/entries/satchel.conf": ENTRY, "satchel/vmlinuz": b"kernel", "satchel/initrd.img": b"initrd"}
    for path, content in files.items():
        (directory / "file").write_bytes(content)
        sandbox.run(("mcopy", "-i", at, f"{MACHINE}/file", f"::/{path}"), why="fill it")
    image = directory / "disk.img"
    image.write_bytes(bytes(MIB) + esp.read_bytes() + bytes(11 * MIB))
    return image, sandbox


def change(directory: Path, name: str, place: int, data: bytes) -> Layer:
    """A layer that changes the sectors at a place of the disk."""
    log = directory / name
    log.write_bytes(data)
    return Layer(content=(Extent(start=place // SECTOR, end=(place + len(data)) // SECTOR, data=0),), log=log)


def test_kernel_initrd_and_options_come_from_the_card_as_the_power_cut_left_it(tmp_path: Path) -> None:
    image, sandbox = make_image(tmp_path)

    def options(*layers: Layer) -> tuple[str, ...]:
        return direct_options(sandbox, image, TABLE, layers, directory=tmp_path)

    kernel = ("-kernel", f"{MACHINE}/linux", "-initrd", f"{MACHINE}/initrd", "-append")
    assert options() == (*kernel, "root=UUID=0001 ro quiet")
    assert (tmp_path / "linux").read_bytes() == b"kernel"
    assert (tmp_path / "initrd").read_bytes() == b"initrd"
    content = image.read_bytes()
    place = content.index(ENTRY)
    first = change(tmp_path, "first", place, ENTRY.replace(b"0001", b"0002").ljust(SECTOR, b"\0"))
    second = change(tmp_path, "second", place, ENTRY.replace(b"0001", b"0003").ljust(SECTOR, b"\0"))
    assert options(first)[-1] == "root=UUID=0002 ro quiet"
    assert options(first, second)[-1] == "root=UUID=0003 ro quiet"


def test_a_damaged_esp_is_left_to_the_firmware(tmp_path: Path) -> None:
    image, sandbox = make_image(tmp_path)
    gone = change(tmp_path, "gone", MIB, bytes(4 * MIB))
    assert direct_options(sandbox, image, TABLE, (gone,), directory=tmp_path) == ()


@pytest.mark.parametrize(
    ("place", "size", "touched"),
    [
        (0, SECTOR, True),
        (MIB, 4096, True),
        (5 * MIB, 4096, True),
        (6 * MIB, 4096, False),
        (10 * MIB - 4096, 8192, True),
        # The last partition grows; the backup table behind it is the firmware's only when the first one is damaged.
        (14 * MIB - 4096, 8192, False),
    ],
)
def test_firmware_reads_the_table_and_the_esp(place: int, size: int, touched: bool) -> None:
    entry = Entry(sector=place // SECTOR, sectors=size // SECTOR, data=0)
    assert FirmwareArea(table=TABLE).touched_by([entry]) is touched
