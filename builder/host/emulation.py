"""Run programs that were made for another processor.

QEMU's user emulation runs them, one at a time; the kernel starts it for whatever it cannot run itself (binfmt_misc).
Since Linux 6.7 a user namespace may say for itself what starts what. Then no root is needed, nothing of the host
changes, and the emulator is the workshop's, the same everywhere. Older kernels know only what root has told them, for
all of the host.
"""

from __future__ import annotations

import ctypes
import os
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from builder.errors import CommandFailed, HostError
from builder.host.command import run
from builder.host.tools import Tools

_BINFMT_MISC: Final = Path("/proc/sys/fs/binfmt_misc")

_BY_ROOT: Final = (
    "root must say what runs its programs: "
    "sudo apt-get install qemu-user-static (Debian 12) or qemu-user-binfmt (Debian 13)"
)

_PROOF: Final = 43
"""What the proof ends with; no shell and no kernel has that status for a failure of its own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Foreign:
    """How Linux and QEMU know a processor."""

    emulator: str
    machine: int
    """Its number in the header of ELF files."""
    proof: bytes
    """Machine code of the shortest program: exit(_PROOF)."""


_KNOWN: Final = {  # by Debian's names
    "arm64": _Foreign(
        emulator="usr/bin/qemu-aarch64",
        machine=183,
        # mov x0, #43; mov x8, #93; svc #0
        proof=bytes.fromhex("600580d2 a80b80d2 010000d4"),
    ),
}

_libc = ctypes.CDLL(None, use_errno=True)


def emulate(architecture: str, tools: Tools) -> None:
    """See to it that programs for that processor run in this namespace; it may have been done before.

    What root told the host is used only where the namespace may say nothing: it may be a QEMU of any age.

    Raises:
        HostError: neither this namespace nor the host knows what to start for them.
    """
    foreign = _KNOWN[architecture]
    refusal = _register(foreign, tools.tree / foreign.emulator)
    if not _runs(foreign):
        raise HostError(
            f"this machine cannot run programs for {architecture}: {refusal or 'the emulator does not start'}",
            hint=f"Linux 6.7 or newer needs nothing for that; on an older one, {_BY_ROOT}",
        )


def possible(architecture: str) -> str:
    """How programs for that processor would run in this namespace, in words for people."""
    if _binfmt_misc() is None:
        return f"programs for {architecture} are emulated by the workshop's QEMU, without root"
    if _runs(_KNOWN[architecture]):
        return f"programs for {architecture} are emulated as root told this host"
    return f"none; this Linux is older than 6.7, so for {architecture} {_BY_ROOT}"


def _register(foreign: _Foreign, emulator: Path) -> str | None:
    """Name the emulator in this namespace; what speaks against it, or none.

    P hands the emulator the name that a program was called by, and F has it opened now, so that it need not exist in
    the trees whose programs it will run (Documentation/admin-guide/binfmt-misc.rst of Linux).
    """
    refusal = _binfmt_misc()
    if refusal or (_BINFMT_MISC / emulator.name).exists():
        return refusal
    magic = b"\x7fELF\2\1\1" + bytes(9) + b"\2\0" + foreign.machine.to_bytes(2, "little")
    # Any ABI, and programs as well as libraries that are programs.
    mask = b"\xff" * 7 + b"\0" + b"\xff" * 8 + b"\xfe" + b"\xff" * 3
    escaped = ("".join(f"\\x{byte:02x}" for byte in text) for text in (magic, mask))
    try:
        # By its descriptor, because a path could be too long, or have a colon.
        with emulator.open("rb") as file:
            interpreter = f"/proc/self/fd/{file.fileno()}"
            (_BINFMT_MISC / "register").write_text(f":{emulator.name}:M::{':'.join(escaped)}:{interpreter}:PF\n")
    except OSError as error:
        return str(error)
    return None


def _binfmt_misc() -> str | None:
    """Give this namespace its own list of what starts what; what speaks against it, or none."""
    if (_BINFMT_MISC / "register").exists() and os.access(_BINFMT_MISC / "register", os.W_OK):
        return None
    if _libc.mount(b"none", os.fsencode(_BINFMT_MISC), b"binfmt_misc", 0, None) != 0:
        return f"binfmt_misc cannot be mounted ({os.strerror(ctypes.get_errno())})"
    return None


def _runs(foreign: _Foreign) -> bool:
    with TemporaryDirectory(prefix="satchel-proof-") as directory:
        proof = Path(directory, "proof")
        proof.write_bytes(program(foreign.machine, foreign.proof))
        proof.chmod(0o755)
        try:
            run((os.fspath(proof),), why="try to run a program for another processor", accept=(_PROOF,))
        except (CommandFailed, HostError):
            return False
        return True


def program(machine: int, code: bytes) -> bytes:
    """A whole ELF file that Linux loads: one header of the file, one of its only segment, and the machine code."""
    address, headers = 0x400000, 64 + 56
    size = headers + len(code)

    def little(length: int, *numbers: int) -> bytes:
        return b"".join(number.to_bytes(length, "little") for number in numbers)

    file = b"\x7fELF\2\1\1" + bytes(9) + little(2, 2, machine) + little(4, 1) + little(8, address + headers, 64, 0)
    file += little(4, 0) + little(2, 64, 56, 1, 0, 0, 0)
    segment = little(4, 1, 5) + little(8, 0, address, address, size, size, 4096)
    return file + segment + code
