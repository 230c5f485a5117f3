"""A Raspberry Pi 3 in QEMU: the card in its SD slot, the rest on its USB port, started as its firmware would.

QEMU does not run the firmware of these boards, which its maker keeps closed. What that firmware would load is read out
of the image's own firmware partition, as config.txt there says, and given to QEMU.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

from builder.boot.accelerator import Accelerator
from builder.boot.machine import AGENT_PORT, IMAGE, MACHINE, SEED_DISK, DiskBus, MachineSpec, Numbers
from builder.boot.subject import Firmware
from builder.disk.image import disk_image
from builder.disk.raspberry_pi import CONFIG, start_of
from builder.disk.read import read_table
from builder.host.sandbox import Sandbox
from builder.recipe.disk import Board

_MEMORY_MIB: Final = 1024
_PROCESSORS: Final = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Raspi3b(MachineSpec):
    """The board. It has a fixed memory and number of processors, no clock, and `direct` must name what to start."""

    def argv(self, *, control: int, agent: int | None) -> tuple[str, ...]:
        """The command line, given descriptors as for any machine."""
        numbers = Numbers.of(self.computer or self.name)
        return (
            "qemu-system-aarch64",
            *("-name", self.name, "-no-user-config", "-nodefaults", "-display", "none"),
            *("-machine", "raspi3b", "-accel", self.acceleration),
            *("-smp", str(_PROCESSORS), "-m", str(_MEMORY_MIB)),
            *self.direct,
            *self._disk(numbers),
            *self._seed_disk(),
            *self._network(numbers, card="usb-net"),
            *("-chardev", f"socket,id=control,fd={control}", "-mon", "chardev=control,mode=control"),
            # Its first port speaks with the radio; the second one is on the pins.
            *("-serial", "null"),
            *self._console(),
            *(() if agent is None else _agent(agent)),
        )

    def _seed_disk(self) -> tuple[str, ...]:
        if not self.seed_disk:
            return ()
        drive = f"if=none,id=seed,format=raw,readonly=on,file={SEED_DISK}"
        return ("-drive", drive, "-device", "usb-storage,drive=seed")


def computer(name: str, firmware: Firmware, accelerator: Accelerator) -> MachineSpec:
    """What an image is started on: for a board, the board itself with the card in its slot."""
    on_board = firmware is Firmware.RASPBERRY_PI
    return (Raspi3b if on_board else MachineSpec)(
        name=name,
        firmware=firmware,
        architecture=accelerator.architecture,
        acceleration=accelerator.kind,
        bus=DiskBus.SD if on_board else DiskBus.VIRTIO,
    )


def slot_bytes(card_bytes: int) -> int:
    """The size of the card that QEMU takes for one of this size: a power of two, as all its SD cards."""
    return 1 << (card_bytes - 1).bit_length()


def direct_start(sandbox: Sandbox, image: Path) -> tuple[str, ...]:
    """QEMU's options to start what the firmware of a Raspberry Pi 3 would start of an image.

    Args:
        sandbox: What `card.insert` made; copies go to the machine's directory.
        image: The image, whole or split.

    Raises:
        CommandFailed: its firmware partition lacks something that its own config.txt names, or cannot be read.
    """
    firmware = read_table(image).esp
    assert firmware is not None, "the image's manifest was read there"
    file, place = disk_image(image).place(firmware.start_bytes, firmware.size_bytes)
    drive = f"{IMAGE}/{file.name}@@{place}"

    def read(path: str) -> str:
        return sandbox.run(("mtype", "-i", drive, f"::/{path}"), why=f"read {path} as a board does")

    start = start_of(read(CONFIG), Board.PI_3)
    for name, path in (("kernel", start.kernel), ("initrd", start.initrd), ("dtb", start.device_trees[0])):
        copy = ("mcopy", "-n", "-i", drive, f"::/{path}", f"{MACHINE}/{name}")
        sandbox.run(copy, why=f"read {path} as a board does")
    return (
        *("-kernel", f"{MACHINE}/kernel", "-initrd", f"{MACHINE}/initrd", "-dtb", f"{MACHINE}/dtb"),
        *("-append", read(start.command_line).strip()),
    )


def _agent(descriptor: int) -> tuple[str, ...]:
    return (
        *("-chardev", f"socket,id=agent,fd={descriptor}"),
        *("-device", f"usb-serial,chardev=agent,serial={AGENT_PORT}"),
    )
