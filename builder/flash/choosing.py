"""Which disks may be overwritten: none, unless everything speaks for it. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from builder.flash.disks import Disk
from builder.units import GIB, format_size

_CARDS: Final = {"usb", "mmc"}
LARGEST: Final = 2048 * GIB
"""A larger disk is somebody's archive."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """What a person has allowed."""

    needed_bytes: int = 0
    """The size of the image."""
    largest_bytes: int = LARGEST
    fixed: bool = False
    """Also disks that are neither removable nor on USB or MMC."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """Why a disk is not written to."""

    reason: str
    hint: str = ""

    def __str__(self) -> str:
        return f"{self.reason} ({self.hint})" if self.hint else self.reason


def refusals(disk: Disk, rules: Rules) -> tuple[Refusal, ...]:
    """Everything that speaks against overwriting a disk; nothing if it may be."""
    return tuple(_against(disk, rules))


def _against(disk: Disk, rules: Rules) -> list[Refusal]:
    if disk.kind == "part":
        return [Refusal(reason="it is a partition", hint="name the whole disk")]
    if disk.kind not in {"disk", "loop"}:
        return [Refusal(reason=f"it is no disk but {disk.kind}")]
    if disk.size_bytes == 0:
        return [Refusal(reason="there is no card in it")]
    found = [Refusal(reason=f"it is in use: {use}", hint=_release(use)) for use in disk.uses]
    if disk.read_only:
        found.append(Refusal(reason="it is write-protected", hint="move the switch at the side of the card"))
    if not (disk.removable or disk.transport in _CARDS or rules.fixed):
        kind = "a loop device" if disk.kind == "loop" else "a disk that is built in"
        found.append(Refusal(reason=f"it is {kind}", hint="--fixed-disks allows those, too"))
    if disk.size_bytes < rules.needed_bytes:
        sizes = f"it has {format_size(disk.size_bytes)}, and the image {format_size(rules.needed_bytes)}"
        found.append(Refusal(reason=f"it is too small: {sizes}"))
    if disk.size_bytes > rules.largest_bytes:
        sizes = f"it has {format_size(disk.size_bytes)}, more than {format_size(rules.largest_bytes)}"
        found.append(Refusal(reason=f"it is suspiciously large: {sizes}", hint="--largest SIZE allows it"))
    return found


def _release(use: str) -> str:
    if use.startswith("mounted at "):
        return f"umount {use.removeprefix('mounted at ')}"
    return "swapoff it first" if use == "swap" else ""
