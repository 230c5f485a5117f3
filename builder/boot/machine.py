"""The virtual machine as a value: what is in it, and QEMU's command line that says so. Pure.

Paths are those that QEMU sees inside the lab's sandbox.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Final
from uuid import UUID

from builder.boot.subject import Firmware
from builder.recipe.software import Architecture
from builder.units import SECTOR

AGENT_PORT: Final = "org.satchel.agent"
"""The virtio-serial port whose presence starts the agent on the device."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Model:
    """What QEMU has for computers with one kind of processor."""

    emulator: str
    processor: str
    """The one that is emulated."""
    uefi: str
    uefi_variables: str
    """Debian's UEFI firmware and its empty variable store."""


MODELS: Final = {
    Architecture.AMD64: Model(
        emulator="qemu-system-x86_64",
        processor="max",
        uefi="/usr/share/OVMF/OVMF_CODE_4M.fd",
        uefi_variables="/usr/share/OVMF/OVMF_VARS_4M.fd",
    ),
    Architecture.ARM64: Model(
        emulator="qemu-system-aarch64",
        # Computing signatures of pointers would take most of its time. A processor as old as a Raspberry Pi 4's lacks
        # E0PD, so that Linux changes page tables at each call of the kernel, and QEMU forgets its own at each change.
        processor="max,pauth=off",
        uefi="/usr/share/AAVMF/AAVMF_CODE.no-secboot.fd",
        uefi_variables="/usr/share/AAVMF/AAVMF_VARS.fd",
    ),
}


MEMORY_MIB: Final = 1536
"""Memory of a guest: what a donated laptop may have."""

MACHINE: Final = "/job/machine"
"""The machine's own directory: everything that changes while it runs."""

IMAGE: Final = "/job/image"
CARD: Final = f"{MACHINE}/card.qcow2"
WRITES: Final = f"{MACHINE}/writes.log"
"""Where a recorded machine's writes are logged; the file must exist."""
VARIABLES: Final = f"{MACHINE}/variables.fd"
SEED_DISK: Final = f"{MACHINE}/seed.iso"
"""A disk that tells the device who to become."""


class Acceleration(StrEnum):
    """What executes the guest's instructions: the processor, or QEMU's translator."""

    KVM = "kvm"
    TCG = "tcg"


class DiskBus(StrEnum):
    """How the card is attached: the fast way of virtual machines, or ways of real computers."""

    VIRTIO = "virtio"
    AHCI = "ahci"
    USB = "usb"
    SD = "sd"


@dataclass(frozen=True, slots=True, kw_only=True)
class Numbers:
    """What tells a computer from others of its make."""

    uuid: str
    serial: str
    disk_serial: str
    address: str
    """Of the network card; one that a maker could have given it, unlike those that QEMU makes up."""

    @classmethod
    def of(cls, name: str) -> Numbers:
        """The same for the same name, and different for every other."""
        digest = hashlib.sha256(name.encode()).digest()
        octets = bytes.fromhex("00163e") + digest[16:19]
        return cls(
            uuid=str(UUID(bytes=digest[:16], version=4)),
            serial=f"SN{digest[19:23].hex().upper()}",
            disk_serial=f"DISK{digest[23:27].hex().upper()}",
            address=":".join(f"{octet:02x}" for octet in octets),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class MachineSpec:
    """A computer with one card, one network card without Internet and a serial console on standard input and output."""

    name: str
    computer: str = ""
    """Whose serial numbers and address it has; those of its own name when empty: two names are two computers."""
    firmware: Firmware
    architecture: Architecture = Architecture.AMD64
    acceleration: Acceleration
    bus: DiskBus = DiskBus.VIRTIO
    memory_mib: int = MEMORY_MIB
    processors: int | None = None
    """None for two, as computers have; one under emulation, where a second one loses its timer now and then."""
    clock: str = ""
    """What its clock shows when it is switched on, such as `1970-01-01T00:00:00`, UTC; empty for the right time."""
    ports: tuple[int, ...] = ()
    """TCP ports of the guest to forward; the kernel chooses free ports of the host's loopback address."""
    cables: tuple[int, ...] = ()
    """Descriptors of cables to other machines, each with a network card of its own; see `process.cable`. A machine with
    cables has no router, which would answer for the others, and so no forwarded ports."""
    seed_disk: bool = False
    """Whether SEED_DISK lies in its CD drive."""
    recorded: bool = False
    """Everything that the device does to its card is logged, flushes and discards too; on the virtio bus only."""
    screen: bool = True
    direct: tuple[str, ...] = ()
    """QEMU's options to start a kernel without the firmware's boot loaders."""
    monitor_keys: bool = False
    """Ctrl-A opens QEMU's own commands on the console, for a person: Ctrl-A X ends the machine."""

    def argv(self, *, control: int, agent: int | None) -> tuple[str, ...]:
        """The command line, given descriptors of connected sockets for QMP and, if it has one, the agent's port."""
        kvm = self.acceleration is Acceleration.KVM
        numbers = Numbers.of(self.computer or self.name)
        return (
            self._model.emulator,
            *("-name", self.name, "-no-user-config", "-nodefaults", "-display", "none"),
            *("-machine", self._machine),
            *("-accel", self.acceleration, "-cpu", "host" if kvm else self._model.processor),
            *("-uuid", numbers.uuid, "-smbios", f"type=1,serial={numbers.serial}"),
            *("-smp", str(self.processors or (2 if kvm else 1)), "-m", str(self.memory_mib)),
            *(("-rtc", f"base={self.clock}") if self.clock else ()),
            *(("-device", "VGA") if self.screen and self._is_pc else ()),
            *("-device", "virtio-rng-pci", "-device", "pvpanic" if self._is_pc else "pvpanic-pci"),
            *self.direct,
            *self._firmware(),
            *self._disk(numbers),
            *self._seed_disk(),
            *self._network(numbers),
            *("-chardev", f"socket,id=control,fd={control}", "-mon", "chardev=control,mode=control"),
            *self._console(),
            *(() if agent is None else _agent(agent)),
        )

    @property
    def _is_pc(self) -> bool:
        return self.architecture is Architecture.AMD64

    @property
    def _model(self) -> Model:
        return MODELS[self.architecture]

    @property
    def _machine(self) -> str:
        if not self._is_pc:
            return "virt"
        # graphics=off makes SeaBIOS speak on the serial console too, and with it GRUB when it is lost.
        return "q35" if self.firmware is Firmware.UEFI else "pc,graphics=off"

    def _firmware(self) -> tuple[str, ...]:
        if self.firmware is Firmware.BIOS:
            return ()
        return (
            *("-drive", f"if=pflash,unit=0,format=raw,readonly=on,file={self._model.uefi}"),
            *("-drive", f"if=pflash,unit=1,format=raw,file={VARIABLES}"),
        )

    def _disk(self, numbers: Numbers) -> tuple[str, ...]:
        if self.recorded:
            return _recorded_disk(numbers)
        # cache=unsafe: the overlay is thrown away, so flushing it to the host's disk only costs time.
        serial = f"drive=card,serial={numbers.disk_serial},bootindex=1"
        file = f"format=qcow2,cache=unsafe,file={CARD}"
        drive = ("-drive", f"if=none,id=card,{file}")
        match self.bus:
            case DiskBus.VIRTIO:
                return (*drive, "-device", f"virtio-blk-pci,{serial}")
            case DiskBus.AHCI:
                return (*drive, "-device", "ich9-ahci,id=ahci", "-device", f"ide-hd,bus=ahci.0,{serial}")
            case DiskBus.USB:
                return (*drive, "-device", "qemu-xhci", "-device", f"usb-storage,removable=on,{serial}")
            case DiskBus.SD:
                return ("-drive", f"if=sd,{file}")

    def _seed_disk(self) -> tuple[str, ...]:
        if not self.seed_disk:
            return ()
        drive = f"if=none,id=seed,format=raw,readonly=on,file={SEED_DISK}"
        if self._is_pc:
            return ("-drive", drive, "-device", "ide-cd,bus=ide.1,drive=seed")
        return ("-drive", drive, "-device", "ich9-ahci,id=drives", "-device", "ide-cd,bus=drives.0,drive=seed")

    def _network(self, numbers: Numbers, *, card: str = "virtio-net-pci,romfile=") -> Iterator[str]:
        # restrict=on: the guest reaches nothing, as in a school without Internet; only the forwarded ports come in.
        router = "user,restrict=on" + "".join(f",hostfwd=tcp:127.0.0.1:0-:{port}" for port in self.ports)
        cables = [f"dgram,local.type=fd,local.str={end}" for end in self.cables]
        for number, netdev in enumerate(cables or [router]):
            address = numbers.address if number == 0 else Numbers.of(f"{numbers.serial} {number}").address
            yield from ("-netdev", f"{netdev},id=net{number}")
            yield from ("-device", f"{card},mac={address},netdev=net{number}")

    def _console(self) -> tuple[str, ...]:
        mux = ",mux=on" if self.monitor_keys else ""
        monitor = ("-mon", "chardev=console,mode=readline") if self.monitor_keys else ()
        return ("-chardev", f"stdio,id=console,signal=off{mux}", "-serial", "chardev:console", *monitor)


def _agent(descriptor: int) -> tuple[str, ...]:
    return (
        *("-device", "virtio-serial-pci", "-chardev", f"socket,id=agent,fd={descriptor}"),
        *("-device", f"virtserialport,id=agent,chardev=agent,name={AGENT_PORT}"),
    )


def _recorded_disk(numbers: Numbers) -> tuple[str, ...]:
    """The card below QEMU's own log of writes (the format of Linux's dm-log-writes).

    The guest must see a write cache, or it would never flush. Discards pass the log and stop there, so that the card
    can be compared with what the log says. The log counts its entries anew after each of them, for whoever reads along.
    """
    card = {"driver": "qcow2", "node-name": "card", "file": {"driver": "file", "filename": CARD}}
    log = {"driver": "file", "filename": WRITES, "cache": {"no-flush": True}}
    recorder = {
        "driver": "blklogwrites",
        "node-name": "recorded",
        "discard": "unmap",
        "file": "card",
        "log": log,
        "log-sector-size": SECTOR,
        "log-super-update-interval": 1,
    }
    return (
        *("-blockdev", json.dumps({**card, "discard": "ignore", "cache": {"no-flush": True}})),
        *("-blockdev", json.dumps(recorder)),
        *("-device", f"virtio-blk-pci,drive=recorded,serial={numbers.disk_serial},write-cache=on,bootindex=1"),
    )
