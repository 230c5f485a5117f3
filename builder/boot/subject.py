"""What the boot test is about: the facts of one image, as its manifest tells them, and the firmware it claims."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from builder.disk.image import disk_image
from builder.recipe.model import Check


class Firmware(StrEnum):
    """What starts the boot loader, or the kernel itself."""

    UEFI = "uefi"
    BIOS = "bios"
    RASPBERRY_PI = "raspberry-pi"


@dataclass(frozen=True, slots=True, kw_only=True)
class Grown:
    """The partition that grows at first boot, as it lies in the image; sizes in bytes."""

    mount: str
    start_bytes: int
    size_bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Gift:
    """A seed for one machine's card, what the device must have become by it, and what must be gone then."""

    offset_bytes: int
    data: bytes
    expected: Mapping[str, str]
    """Fields of the identity, by name."""
    secrets: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """One image to be proved."""

    image: Path
    recipe: str
    """The name of the recipe."""
    firmware: tuple[Firmware, ...]
    """The firmware that it claims to boot on, the one for the growing and rebooting machine first."""
    checks: tuple[Check, ...]
    """Claims that the device proves itself."""
    channels: tuple[Check, ...]
    """Claims about what is preloaded, to be asked from outside."""
    kolibri: bool
    """Whether a Kolibri facility must be born on each device."""
    ports: tuple[int, ...]
    """TCP ports of the device to reach from outside."""
    grown: Grown | None
    card_bytes: int
    """The smallest card that the image claims to fit on."""
    gift: Gift | None
    """What machine A is told; none for an image that cannot be told anything."""
    common: Gift | None
    """What every other machine is told: secrets that the devices of a site share; none when they share nothing."""
    disk_ids: Mapping[str, str]
    """The image's own ids of its disk, partitions and file systems, by field of a device's identity, if the image
    claims that every device gets others."""


def stamp(image: Path) -> str:
    """What changes when an image is made anew."""
    facts = [path.stat() for path in disk_image(image).files]
    return " ".join(f"{fact.st_size}:{fact.st_mtime_ns}" for fact in facts)
