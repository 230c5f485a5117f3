"""What a serial console tells: signs that the guest will never report, and the last lines for a person. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from builder.boot.outcome import Outcome

TAIL_LINES: Final = 40

_ESCAPES: Final = re.compile(
    r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)|[()][0-9A-B]|[=>78cDM])|[\x00\x07\x08]"
)


@dataclass(frozen=True, slots=True)
class Sign:
    """A text that appears only when the boot is lost, and what it means."""

    text: str
    outcome: Outcome
    meaning: str
    times: int = 1
    """How often it must appear: a slow host alone makes a guest say it once, and recover."""


SIGNS: Final = (
    Sign("Kernel panic - not syncing", Outcome.PANIC, "the kernel panicked"),
    Sign("(initramfs)", Outcome.PANIC, "the initramfs found no root file system and opened its shell"),
    Sign("Give root password for maintenance", Outcome.PANIC, "systemd went into emergency mode"),
    Sign(
        "Cannot open access to console, the root account is locked", Outcome.PANIC, "systemd went into emergency mode"
    ),
    Sign("You are in emergency mode", Outcome.PANIC, "systemd went into emergency mode"),
    Sign("Press Enter for maintenance", Outcome.PANIC, "systemd went into emergency mode"),
    Sign("Freezing execution", Outcome.PANIC, "systemd, process 1, crashed"),
    Sign("No bootable device", Outcome.UNBOOTABLE, "the BIOS found nothing to start"),
    Sign("grub rescue>", Outcome.UNBOOTABLE, "GRUB did not find its files"),
    Sign("UEFI Interactive Shell", Outcome.UNBOOTABLE, "the UEFI firmware found nothing to start"),
    Sign("Possible timer handling issue on cpu", Outcome.STALLED, "the kernel waits for timers in vain", times=3),
    # On a busy host QEMU's raspi3b may lose its only USB port, and with it the agent. Linux tries it four times.
    Sign("dwc2 3f980000.usb: Not connected", Outcome.STALLED, "nothing on the board's USB port answers", times=14),
    Sign("BdsDxe: No bootable option", Outcome.UNBOOTABLE, "the UEFI firmware found nothing to start"),
)


_WAITING: Final = re.compile(r"M?\[[ *]{6}\] .*")
"""Lines that systemd paints again and again while it waits for a job."""


def plain(text: str) -> str:
    """Console text without terminal control: colours, cursor moves, carriage returns."""
    return _ESCAPES.sub("", text).replace("\r\n", "\n").replace("\r", "\n")


def tail(text: str, lines: int = TAIL_LINES) -> str:
    """The last lines that say something; of repeated waiting, the last word."""
    said: list[str] = []
    for line in (line.rstrip() for line in plain(text).splitlines() if line.strip()):
        if said and _WAITING.fullmatch(line) and _WAITING.fullmatch(said[-1]):
            said.pop()
        said.append(line)
    return "\n".join(said[-lines:])


def lost(text: str) -> Sign | None:
    """The first sign of a lost boot, if there is one."""
    found = [(position, sign) for sign in SIGNS if (position := _position(text, sign)) >= 0]
    return min(found, key=lambda item: item[0])[1] if found else None


def _position(text: str, sign: Sign) -> int:
    """Where a sign appears for the time that counts; -1 if it does not."""
    position = -1
    for _ in range(sign.times):
        position = text.find(sign.text, position + 1)
        if position < 0:
            break
    return position
