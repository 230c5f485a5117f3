from __future__ import annotations

import re

import pytest

from builder.boot.machine import Acceleration, DiskBus, MachineSpec
from builder.boot.raspi3b import Raspi3b, slot_bytes
from builder.boot.subject import Firmware
from builder.recipe.software import Architecture


def line(agent: int | None = 4, **facts: object) -> str:
    spec = MachineSpec(
        **{"name": "A", "firmware": Firmware.UEFI, "acceleration": Acceleration.TCG, **facts}  # type: ignore[arg-type]
    )
    return " ".join(spec.argv(control=3, agent=agent))


def test_uefi_has_read_only_code_and_private_variables() -> None:
    text = line()
    assert "-machine q35" in text
    assert "readonly=on,file=/usr/share/OVMF/OVMF_CODE_4M.fd" in text
    assert "unit=1,format=raw,file=/job/machine/variables.fd" in text


def test_bios_is_an_old_computer_without_uefi() -> None:
    text = line(firmware=Firmware.BIOS)
    assert "-machine pc" in text
    assert "pflash" not in text


@pytest.mark.parametrize(("kind", "cpu", "number"), [(Acceleration.KVM, "host", 2), (Acceleration.TCG, "max", 1)])
def test_processors_follow_the_accelerator(kind: Acceleration, cpu: str, number: int) -> None:
    assert f"-accel {kind} -cpu {cpu}" in line(acceleration=kind)
    assert f"-smp {number}" in line(acceleration=kind)
    assert "-smp 4" in line(acceleration=kind, processors=4)


@pytest.mark.parametrize(
    ("bus", "device"),
    [(DiskBus.VIRTIO, "virtio-blk-pci"), (DiskBus.AHCI, "ich9-ahci"), (DiskBus.USB, "usb-storage")],
)
def test_card_is_attached_as_asked(bus: DiskBus, device: str) -> None:
    text = line(bus=bus)
    assert device in text
    assert text.count("drive=card") == 1


def test_a_recorded_card_has_a_write_cache_and_all_that_happens_to_it_is_logged() -> None:
    text = line(recorded=True)
    assert "drive=recorded,serial=DISK" in text
    assert "write-cache=on" in text
    assert '"driver": "blklogwrites"' in text
    assert '"file": "card", "log": {"driver": "file", "filename": "/job/machine/writes.log"' in text
    assert "-drive if=none" not in text
    assert "blklogwrites" not in line()


def test_guest_has_no_internet_and_ports_come_from_the_kernel() -> None:
    text = line(ports=(22, 8080))
    assert "restrict=on,hostfwd=tcp:127.0.0.1:0-:22,hostfwd=tcp:127.0.0.1:0-:8080,id=net0 " in text


def test_each_cable_has_a_card_of_its_own_in_the_place_of_the_router() -> None:
    text = line(cables=(7, 9))
    assert "-netdev dgram,local.type=fd,local.str=7,id=net0 -device virtio-net-pci," in text
    assert "-netdev dgram,local.type=fd,local.str=9,id=net1 -device virtio-net-pci," in text
    first, second = re.findall(r"mac=([0-9a-f:]+),", text)
    assert first != second
    assert "restrict" not in text


def test_agent_runs_only_where_its_port_is() -> None:
    assert "name=org.satchel.agent" in line()
    assert "org.satchel.agent" not in line(agent=None)
    assert "mux=on" not in line()


def test_a_person_gets_the_monitor_on_the_console() -> None:
    assert "mux=on" in line(monitor_keys=True)
    assert "-mon chardev=console,mode=readline" in line(monitor_keys=True)


def test_a_seed_disk_lies_in_a_cd_drive_and_cannot_be_written() -> None:
    assert "ide-cd" not in line()
    for firmware in Firmware:
        text = line(seed_disk=True, firmware=firmware)
        assert "readonly=on,file=/job/machine/seed.iso -device ide-cd" in text


def test_the_clock_is_right_unless_it_is_asked_to_be_wrong() -> None:
    assert "-rtc" not in line()
    assert "-rtc base=1970-01-01T00:00:00 " in line(clock="1970-01-01T00:00:00")


def board(**facts: object) -> str:
    spec = Raspi3b(
        **{"name": "B", "firmware": Firmware.RASPBERRY_PI, "acceleration": Acceleration.TCG, **facts}  # type: ignore[arg-type]
    )
    return " ".join(spec.argv(control=3, agent=4))


def test_a_board_has_its_card_in_the_slot_and_the_rest_on_usb() -> None:
    text = board(bus=DiskBus.SD, ports=(8080,), direct=("-kernel", "/job/machine/kernel"))
    assert "-machine raspi3b" in text
    assert "-drive if=sd,format=qcow2" in text
    assert "-kernel /job/machine/kernel" in text
    assert "-serial null -chardev stdio,id=console,signal=off -serial chardev:console" in text
    assert "-device usb-net,mac=" in text
    assert "hostfwd=tcp:127.0.0.1:0-:8080" in text
    assert "usb-serial,chardev=agent,serial=org.satchel.agent" in text
    assert "virtio" not in text
    assert "usb-storage" not in text
    assert "usb-storage,drive=seed" in board(seed_disk=True)


@pytest.mark.parametrize(("card", "slot"), [(1, 1), (2**33, 2**33), (2**33 - 1, 2**33), (2**33 + 1, 2**34)])
def test_a_card_in_the_slot_has_a_power_of_two(card: int, slot: int) -> None:
    assert slot_bytes(card) == slot


def test_a_computer_for_arm_has_the_firmware_for_it() -> None:
    text = line(architecture=Architecture.ARM64)
    assert text.startswith("qemu-system-aarch64 ")
    assert "-machine virt" in text
    assert "AAVMF_CODE" in text
    assert "VGA" not in text
