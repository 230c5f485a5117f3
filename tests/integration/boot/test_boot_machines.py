"""Real virtual machines without an operating system: boot sectors of a few bytes end in every way a boot can."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from builder.boot import card, interactive
from builder.boot.accelerator import BOOT_SECTOR, Accelerator, choose, probe
from builder.boot.machine import CARD, Acceleration, MachineSpec
from builder.boot.outcome import NoReport, Outcome
from builder.boot.session import Cancelled, session
from builder.boot.subject import Firmware
from builder.disk.image import Stretch, descriptor
from builder.errors import CommandFailed
from builder.host.tools import Tools, ensure_lab
from builder.progress import Reporter
from builder.units import MIB, SECTOR

pytestmark = pytest.mark.in_namespace

TCG = Accelerator(kind=Acceleration.TCG, reason="a test")

HALT = bytes.fromhex("fa f4 ebfd")
TRIPLE_FAULT = bytes.fromhex("0f011e107c cd03 ebfe") + b"\0" * 16
"""lidt [0x7c10], a table of no entries; int 3."""
POWER_OFF = bytes.fromhex("ba0406 b80020 ef f4")
"""ACPI: SLP_EN into PM1a_CNT, which SeaBIOS places at 0x604 on both machine types."""
ECHO = bytes.fromhex("fa bafd03 ec a801 74fb baf803 ec ee ebf1")
"""Writes to the first serial port what it reads there; without interrupts, by which SeaBIOS would read it first."""
NO_SIGNATURE = b""


def says(text: str) -> bytes:
    """A boot sector that writes a text to the first serial port, and halts."""
    code = bytes.fromhex("31c0 8ed8 be207c bafd03 ec a820 74fb baf803 ac 84c0 7403 ee ebed f4 ebfd")
    assert len(code) <= 0x20
    return code.ljust(0x20, b"\x90") + text.encode() + b"\0"


def image_with(directory: Path, code: bytes) -> Path:
    image = directory / "tiny.img"
    signature = bytes.fromhex("55aa") if code else b"\0\0"
    image.write_bytes((code.ljust(510, b"\0") + signature).ljust(MIB, b"\0"))
    return image


def split_image_with(directory: Path, code: bytes) -> Path:
    """The same disk in two parts, the first of which begins and ends it."""
    whole = image_with(directory, code)
    content, third = whole.read_bytes(), 512 * SECTOR
    whole.unlink()
    outside, inside = directory / "tiny.0-table.part", directory / "tiny.1-root.part"
    outside.write_bytes(content[:third] + content[2 * third :])
    inside.write_bytes(content[third : 2 * third])
    stretches = (
        Stretch(start_bytes=0, size_bytes=third, path=outside, offset_bytes=0),
        Stretch(start_bytes=third, size_bytes=third, path=inside, offset_bytes=0),
        Stretch(start_bytes=2 * third, size_bytes=MIB - 2 * third, path=outside, offset_bytes=third),
    )
    image = directory / "tiny.vmdk"
    image.write_text(descriptor(stretches, identity=1))
    return image


def tools() -> Tools:
    return ensure_lab(Reporter())


def ending_of(directory: Path, code: bytes, *, firmware: Firmware = Firmware.BIOS, within: float = 30) -> NoReport:
    image = image_with(directory, code)
    machine = directory / "machine"
    machine.mkdir()
    spec = MachineSpec(name="tiny", firmware=firmware, acceleration=Acceleration.TCG, memory_mib=128, processors=1)
    sandbox = card.insert(tools(), TCG, image, card_bytes=2 * MIB, directory=machine)
    with (
        pytest.raises(NoReport) as caught,
        session(sandbox, spec, logs=directory, cancelled=threading.Event()) as device,
    ):
        device.ask("stay", within=within)
    return caught.value


def test_probe_believes_only_a_guest_that_reports(tmp_path: Path) -> None:
    assert probe(tools(), Acceleration.TCG, tmp_path) is None
    assert "did not report" in str(probe(tools(), Acceleration.TCG, tmp_path, sector=BOOT_SECTOR[:2], within=2))
    halted = HALT.ljust(510, b"\0") + BOOT_SECTOR[510:]
    assert "did not report" in str(probe(tools(), Acceleration.TCG, tmp_path, sector=halted, within=2))
    crashed = TRIPLE_FAULT.ljust(510, b"\0") + BOOT_SECTOR[510:]
    assert "ended with 0" in str(probe(tools(), Acceleration.TCG, tmp_path, sector=crashed))


def test_chosen_accelerator_has_a_reason(tmp_path: Path) -> None:
    chosen = choose(tools(), tmp_path)
    assert chosen.reason
    assert choose(tools(), tmp_path, wanted=Acceleration.TCG).kind is Acceleration.TCG


def test_a_guest_that_says_nothing_is_a_timeout(tmp_path: Path) -> None:
    silence = ending_of(tmp_path, HALT, within=3)
    assert silence.outcome is Outcome.TIMEOUT
    assert "never started" in silence.why


def test_a_guest_that_switches_itself_off_has_not_passed(tmp_path: Path) -> None:
    assert ending_of(tmp_path, POWER_OFF).outcome is Outcome.SILENT_POWEROFF


def test_a_guest_that_restarts_without_a_report_is_noticed(tmp_path: Path) -> None:
    assert ending_of(tmp_path, TRIPLE_FAULT).outcome is Outcome.SILENT_REBOOT


def test_what_is_typed_reaches_the_guest(tmp_path: Path) -> None:
    machine = tmp_path / "machine"
    machine.mkdir()
    spec = MachineSpec(name="tiny", firmware=Firmware.BIOS, acceleration=Acceleration.TCG, memory_mib=128, processors=1)
    sandbox = card.insert(tools(), TCG, image_with(tmp_path, ECHO), card_bytes=2 * MIB, directory=machine)
    with session(sandbox, spec, logs=tmp_path, cancelled=threading.Event()) as device:
        device.await_text("Booting from Hard Disk", within=60)
        device.write_console("copied\r\n")
        device.await_text("copied", within=60)


def test_a_panic_is_read_from_the_serial_console(tmp_path: Path) -> None:
    silence = ending_of(tmp_path, says("[ 1.0] Kernel panic - not syncing: a test\r\n"))
    assert silence.outcome is Outcome.PANIC
    assert "Kernel panic - not syncing: a test" in silence.evidence
    assert "a test" in (tmp_path / "tiny.console.log").read_text()


def test_other_text_is_not_a_panic(tmp_path: Path) -> None:
    silence = ending_of(tmp_path, says("all is well\r\n"), within=3)
    assert silence.outcome is Outcome.TIMEOUT
    assert "all is well" in silence.evidence


@pytest.mark.parametrize("firmware", list(Firmware))
def test_an_image_that_nothing_can_start_is_told_apart(firmware: Firmware, tmp_path: Path) -> None:
    assert ending_of(tmp_path, NO_SIGNATURE, firmware=firmware, within=60).outcome is Outcome.UNBOOTABLE


def test_no_machine_outlives_its_block(tmp_path: Path) -> None:
    machine = tmp_path / "machine"
    machine.mkdir()
    spec = MachineSpec(name="orphan", firmware=Firmware.BIOS, acceleration=Acceleration.TCG, memory_mib=128)
    sandbox = card.insert(tools(), TCG, image_with(tmp_path, HALT), card_bytes=MIB, directory=machine)
    cancelled = threading.Event()
    with session(sandbox, spec, logs=tmp_path, cancelled=cancelled) as device:
        assert orphans() == 1
        cancelled.set()
        with pytest.raises(Cancelled):
            device.ask("stay", within=60)
    assert orphans() == 0


def orphans() -> int:
    """Machines of the name that only the test above gives: others may run beside it."""
    programs = (path.read_bytes().split(b"\0") for path in Path("/proc").glob("[0-9]*/cmdline"))
    return sum(words[0].endswith(b"qemu-system-x86_64") and b"orphan" in words for words in programs)


def test_a_machine_that_cannot_start_says_why(tmp_path: Path) -> None:
    machine = tmp_path / "machine"
    machine.mkdir()
    spec = MachineSpec(name="bad", firmware=Firmware.BIOS, acceleration=Acceleration.TCG)
    sandbox = card.insert(tools(), TCG, image_with(tmp_path, HALT), card_bytes=MIB, directory=machine)
    with (
        pytest.raises(CommandFailed, match="no-such-device"),
        session(sandbox, spec, logs=tmp_path, cancelled=threading.Event(), extra=("-device", "no-such-device")),
    ):
        pass


@pytest.mark.parametrize("made", [image_with, split_image_with])
def test_a_person_runs_an_image_and_nothing_is_written_to_it(
    tmp_path: Path, made: Callable[[Path, bytes], Path]
) -> None:
    image = made(tmp_path, POWER_OFF)
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    notes: list[str] = []

    class Listening(Reporter):
        def note(self, text: str) -> None:
            notes.append(text)

    status = interactive.boot(
        image,
        tools=tools(),
        accelerator=TCG,
        firmware=Firmware.BIOS,
        ports=(22, 8080),
        scratch=tmp_path,
        seed=None,
        reporter=Listening(),
    )
    assert status == 0
    assert any(note.startswith("port 8080 of the device: http://127.0.0.1:") for note in notes)
    assert any("Ctrl-A X" in note for note in notes)
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_the_card_of_a_split_image_is_as_large_as_asked_and_has_all_its_parts(tmp_path: Path) -> None:
    image = split_image_with(tmp_path, HALT)
    machine = tmp_path / "machine"
    machine.mkdir()
    sandbox = card.insert(tools(), TCG, image, card_bytes=2 * MIB, directory=machine)
    chain = json.loads(sandbox.run(("qemu-img", "info", "--backing-chain", "--output=json", CARD), why="look at it"))
    assert [(disk["format"], disk["virtual-size"]) for disk in chain] == [("qcow2", 2 * MIB), ("vmdk", MIB)]
