"""Choose what runs the guests: KVM if a guest really runs under it, else QEMU's translator.

A /dev/kvm that exists and opens proves nothing: inside another virtual machine it may stop at the first instruction
that it cannot emulate. So a tiny guest does what every kernel does, and must report through a port.
"""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from builder.boot.console import tail
from builder.boot.machine import Acceleration
from builder.boot.process import running
from builder.errors import CommandFailed, HostError
from builder.host.sandbox import Mount
from builder.host.tools import ARCHITECTURE, Tools
from builder.recipe.software import Architecture
from builder.units import MIB

KVM_DEVICE: Final = Path("/dev/kvm")

PROOF: Final = 43
"""QEMU's exit status when the guest writes 0x15 to the debug port: (0x15 << 1) | 1. Nothing else ends so."""

BOOT_SECTOR: Final = bytes.fromhex(
    "fa 31c0 8ed8"  #            cli; ds = 0
    "0f0116707c"  #              lgdt [0x7c70]
    "0f20c0 0c01 0f22c0"  #      cr0 |= 1: protected mode
    "ea177c0800"  #              jump to the 32-bit code that follows
    "66b81000 8ed8 8ec0 8ed0"  # ds = es = ss = flat data
    "31c0 0fa2 83f807 7223"  #   cpuid 0; no leaf 7: report
    "b807000000 31c9 0fa2"  #    cpuid 7
    "0fbae308 7314"  #           no BMI2: report
    "b801000000 b905000000"  #   eax = 1, ecx = 5
    "c4e271f7c0"  #              shlx eax, eax, ecx: compilers use it, poor emulators stop here
    "83f820 7507"  #             not 32: halt
    "b015 66ba0105 ee"  #        report: out 0x501, 0x15
    "f4 ebfd"  #                 halt for ever
    "90"  #                      padding
    "0000000000000000 ffff0000009acf00 ffff00000092cf00"  # 0x7c58: null, flat code, flat data
    "1700 587c0000"  #           0x7c70: size and place of that table
).ljust(510, b"\0") + bytes.fromhex("55aa")
"""A guest in 512 bytes, with the signature that makes a BIOS start it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Accelerator:
    """What runs the guests, and why."""

    kind: Acceleration
    reason: str
    architecture: Architecture = Architecture.AMD64
    """The processor of the guests."""

    @property
    def slowness(self) -> int:
        """By how much longer to wait than on a real computer."""
        if self.kind is Acceleration.KVM:
            return 1
        # A Raspberry Pi has four processors, more than many a host.
        return 5 if self.architecture is Architecture.AMD64 else 10

    @property
    def mounts(self) -> tuple[Mount, ...]:
        """What a sandbox must see for it."""
        if self.kind is Acceleration.TCG:
            return ()
        return (Mount(target=str(KVM_DEVICE), source=KVM_DEVICE, device=True),)


def choose(
    tools: Tools,
    scratch: Path,
    *,
    architecture: Architecture = Architecture.AMD64,
    wanted: Acceleration | None = None,
) -> Accelerator:
    """The accelerator to use: the one that is wanted, else KVM if it works.

    Raises:
        HostError: KVM is wanted and does not work.
    """
    if architecture != ARCHITECTURE:
        return Accelerator(
            kind=Acceleration.TCG, reason=f"this machine's processor is no {architecture}", architecture=architecture
        )
    if wanted is Acceleration.TCG:
        return Accelerator(kind=Acceleration.TCG, reason="asked for")
    trouble = _trouble_with_kvm(tools, scratch)
    if trouble is None:
        return Accelerator(kind=Acceleration.KVM, reason="a guest ran under it")
    if wanted is Acceleration.KVM:
        raise HostError(f"KVM does not work here: {trouble}", hint="leave the accelerator to Satchel, or use tcg")
    return Accelerator(kind=Acceleration.TCG, reason=f"no KVM: {trouble}")


def _trouble_with_kvm(tools: Tools, scratch: Path) -> str | None:
    if not KVM_DEVICE.exists():
        return f"there is no {KVM_DEVICE}"
    if not os.access(KVM_DEVICE, os.R_OK | os.W_OK):
        return f"{KVM_DEVICE} is not ours to open (join the group kvm)"
    return probe(tools, Acceleration.KVM, scratch)


def probe(
    tools: Tools, kind: Acceleration, scratch: Path, *, sector: bytes = BOOT_SECTOR, within: float = 20
) -> str | None:
    """Run a guest of one boot sector under an accelerator; what went wrong, or none if it reported."""
    disk = scratch / "probe.img"
    disk.write_bytes(sector.ljust(MIB, b"\0"))
    mounts = Accelerator(kind=kind, reason="probe").mounts
    sandbox = tools.sandbox(Mount(target="/job/probe.img", source=disk), *mounts)

    def command_line(control: int, _agent: int) -> tuple[str, ...]:
        return (
            *("qemu-system-x86_64", "-no-user-config", "-nodefaults", "-display", "none", "-no-reboot"),
            *("-machine", "pc", "-m", "32", "-accel", kind, "-cpu", "host" if kind is Acceleration.KVM else "max"),
            *("-chardev", f"socket,id=control,fd={control}", "-mon", "chardev=control,mode=control"),
            *("-device", "isa-debug-exit,iobase=0x501,iosize=2"),
            *("-drive", "if=virtio,format=raw,readonly=on,file=/job/probe.img"),
        )

    try:
        with running(sandbox, command_line, console=scratch / "probe.console", errors=scratch / "probe.errors") as qemu:
            until = time.monotonic() + within
            while not qemu.exited() and time.monotonic() < until:
                qemu.listen()
                if any(event.name == "STOP" for event in qemu.control.events):
                    return f"it stopped a tiny guest ({_first_line(qemu.errors())})"
            status = qemu.status(0)
    except CommandFailed as error:
        return f"QEMU does not start with it ({tail(error.tail, 1)})"
    if status == PROOF:
        return None
    return f"a tiny guest did not report within {within:.0f} s" if status is None else f"QEMU ended with {status}"


def _first_line(text: str) -> str:
    return text.strip().partition("\n")[0].strip() or "no reason given"
