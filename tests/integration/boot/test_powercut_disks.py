"""Real QEMU writes a disk through its log, and the disks that are made from the log are read back by QEMU."""

from __future__ import annotations

import json
import threading
from pathlib import Path

import pytest

from builder.boot import card
from builder.boot.accelerator import Accelerator
from builder.boot.card import Below
from builder.boot.machine import CARD, MACHINE, WRITES, Acceleration, MachineSpec
from builder.boot.powercut.log import Log, count, read
from builder.boot.powercut.medium import Kind, Point, extents, fates
from builder.boot.powercut.qcow2 import Layer, write_layer
from builder.boot.session import session
from builder.boot.subject import Firmware
from builder.host.sandbox import Mount, Sandbox
from builder.host.tools import ensure_lab
from builder.progress import Reporter
from builder.units import KIB, MIB, SECTOR

pytestmark = pytest.mark.in_namespace

SIZE = 3 * MIB
BELOW = 2 * MIB
"""The disk below is smaller than the card, as an image is."""


def world(directory: Path) -> Sandbox:
    (directory / "below.img").write_bytes(b"b" * BELOW)
    (directory / "writes.log").touch()
    return ensure_lab(Reporter()).sandbox(Mount(target=MACHINE, source=directory, writable=True))


def record(sandbox: Sandbox, directory: Path, *requests: str) -> Log:
    """Carry out requests of qemu-io on a card, through the log."""
    card_file = ("qemu-img", "create", "-q", "-f", "qcow2", "-b", f"{MACHINE}/below.img", "-F", "raw", CARD, str(SIZE))
    sandbox.run(card_file, why="make a card")
    node = {
        "driver": "blklogwrites",
        "discard": "unmap",
        "file": {"driver": "qcow2", "discard": "ignore", "file": {"driver": "file", "filename": CARD}},
        "log": {"driver": "file", "filename": f"{MACHINE}/writes.log"},
        "log-sector-size": SECTOR,
        "log-super-update-interval": 1,
    }
    commands = [option for request in requests for option in ("-c", request)]
    sandbox.run(("qemu-io", "-t", "writeback", "-d", "unmap", *commands, f"json:{json.dumps(node)}"), why="write")
    return read(directory / "writes.log")


def disk(sandbox: Sandbox, directory: Path, log: Log, point: Point) -> bytes:
    """The bytes of the disk after a power cut, as QEMU reads them."""
    layer, raw = directory / f"{point.name}.qcow2", directory / f"{point.name}.raw"
    left = Layer(content=extents(fates(log.entries, point)), log=log.path)
    write_layer(layer, left, size_bytes=SIZE, below=Below(path=f"{MACHINE}/below.img", format="raw"))
    sandbox.run(("qemu-img", "check", "-q", f"{MACHINE}/{layer.name}"), why="check a layer")
    sandbox.run(("qemu-img", "convert", "-O", "raw", f"{MACHINE}/{layer.name}", f"{MACHINE}/{raw.name}"), why="read it")
    return raw.read_bytes()


def expected(*writes: tuple[int, int, int]) -> bytes:
    """The disk below with `(place, length, byte)` written over it."""
    content = bytearray(b"b" * BELOW + bytes(SIZE - BELOW))
    for place, length, byte in writes:
        content[place : place + length] = bytes([byte]) * length
    return bytes(content)


def test_disks_are_what_the_medium_may_hold_after_each_write(tmp_path: Path) -> None:
    sandbox = world(tmp_path)
    log = record(
        sandbox,
        tmp_path,
        "write -P 1 0 64k",
        "flush",
        "write -P 2 512 1k",
        "write -P 3 2m 4k",
        "flush",
        "write -P 4 1536 512",
    )
    assert [(entry.sector, entry.sectors, entry.flush) for entry in log.entries[:6]] == [
        (0, 128, False),
        (0, 0, True),
        (1, 2, False),
        (2 * MIB // SECTOR, 8, False),
        (0, 0, True),
        (3, 1, False),
    ]
    one, two, three = (0, 64 * KIB, 1), (512, 1024, 2), (2 * MIB, 4096, 3)

    def after(position: int, kind: Kind) -> bytes:
        return disk(sandbox, tmp_path, log, Point(position=position, kind=kind))

    assert after(0, Kind.ALL) == expected()
    assert after(1, Kind.NONE) == expected()
    assert after(2, Kind.NONE) == expected(one)
    assert after(4, Kind.ALL) == expected(one, two, three)
    assert after(4, Kind.LAST) == expected(one, three)
    assert after(6, Kind.NONE) == expected(one, two, three)
    assert after(6, Kind.ALL) == expected(one, two, three, (1536, 512, 4))
    # A write of two sectors, of which one at most reached the disk.
    torn = [disk(sandbox, tmp_path, log, Point(position=3, kind=Kind.TORN, variant=number)) for number in range(16)]
    assert set(torn) <= {
        expected(one),
        expected(one, two),
        expected(one, (512, 512, 2)),
        expected(one, (1024, 512, 2)),
    }
    assert any(content in {expected(one, (512, 512, 2)), expected(one, (1024, 512, 2))} for content in torn)


def test_discards_and_zeros_are_recorded_and_hide_what_lies_below(tmp_path: Path) -> None:
    sandbox = world(tmp_path)
    log = record(sandbox, tmp_path, "discard 64k 64k", "write -z 256k 1k", "flush")
    whole = disk(sandbox, tmp_path, log, Point(position=len(log.entries), kind=Kind.ALL))
    assert whole == expected((64 * KIB, 64 * KIB, 0), (256 * KIB, KIB, 0))


def test_large_layers_have_room_for_their_own_tables(tmp_path: Path) -> None:
    sandbox = world(tmp_path)
    log = record(sandbox, tmp_path, "write -P 7 0 3m", "flush")
    assert disk(sandbox, tmp_path, log, Point(position=2, kind=Kind.NONE)) == b"\7" * SIZE


WRITES_ITSELF = bytes.fromhex("31c0 8ec0 8ed8 bb007c b80103 b90200 ba8000 cd13 ba0406 b80020 ef f4")
"""A boot sector that has the BIOS write it to the second sector of the disk, and switches the machine off."""


def test_a_machine_that_is_recorded_logs_what_its_guest_writes(tmp_path: Path) -> None:
    sector = WRITES_ITSELF.ljust(510, b"\0") + bytes.fromhex("55aa")
    image = tmp_path / "tiny.img"
    image.write_bytes(sector.ljust(MIB, b"\0"))
    machine = tmp_path / "machine"
    machine.mkdir()
    writes = machine / Path(WRITES).name
    writes.touch()
    tcg = Accelerator(kind=Acceleration.TCG, reason="a test")
    spec = MachineSpec(
        name="tiny",
        firmware=Firmware.BIOS,
        acceleration=Acceleration.TCG,
        memory_mib=128,
        processors=1,
        recorded=True,
        screen=False,
    )
    sandbox = card.insert(ensure_lab(Reporter()), tcg, image, card_bytes=2 * MIB, directory=machine)
    with session(sandbox, spec, logs=tmp_path, cancelled=threading.Event()) as device:
        device.await_poweroff(within=60)
    entries = [entry for entry in read(writes).entries if entry.changes]
    assert [(entry.sector, entry.sectors) for entry in entries] == [(1, 1)]
    assert count(writes) >= 1
    assert entries[0].data is not None
    assert writes.read_bytes()[entries[0].data : entries[0].data + SECTOR] == sector
