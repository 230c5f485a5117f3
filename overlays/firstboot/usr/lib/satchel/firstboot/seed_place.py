"""Where a seed can lie: on the card's own FAT partition, else on a disk with the label that cloud-init also looks for.

Whoever wrote it may have been careless or hostile, so nothing that is found is followed, waited for or read to an end
that is not there.
"""

from __future__ import annotations

import os
import stat
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from device import files, mounts
from device.commands import run as run_command
from device.errors import DeviceError
from firstboot.device import Device
from seed import document
from seed.document import Problem, Seed, SeedError

CARD = "card"
DISK = "disk"
_LABELS = ("cidata", "CIDATA")
"""Volume labels of cloud-init's data source NoCloud."""

_SETTLE_SECONDS = 15
_ADVICE = "Correct {file} {place} on any computer, or remove it, and start the device again."


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """A place with something in it."""

    source: str
    """`card` or `disk`."""
    data: bytes

    def seed(self) -> Seed | None:
        """The seed; none when the place is empty.

        Raises:
            SeedError: it is none that can be used.
        """
        if len(self.data) > document.ROOM:
            raise SeedError((Problem(line=0, message=f"it is larger than {document.ROOM} bytes"),))
        return document.parse(self.data)

    def refusal(self, problems: tuple[Problem, ...]) -> DeviceError:
        """Why this seed is not taken, with every problem in its line."""
        place = "on this card" if self.source == CARD else "on the seed disk"
        lines = [f"{document.FILE} {place} cannot be used:", *map(str, problems)]
        return DeviceError("\n".join(lines), advice=_ADVICE.format(file=document.FILE, place=place))


def on_card(device: Device) -> Path | None:
    """The seed's file on the FAT partition; none when that is not mounted."""
    point = device.settings.esp
    if point is None or mounts.mounted_at(mounts.read(device.paths.mountinfo), point) is None:
        return None
    return device.paths.at(point) / document.FILE


def read_card(device: Device) -> Found | None:
    """What lies on the card."""
    path = on_card(device)
    data = None if path is None else _read(path)
    return None if data is None else Found(source=CARD, data=data)


def read_disk(device: Device) -> Found | None:
    """What lies on a seed disk, which is looked at briefly and left alone from then on."""
    names = device.paths.at("/dev/disk/by-label")
    if not names.is_dir():
        return None
    with suppress(DeviceError):
        # Something else may never settle; what is there by then is looked at.
        run_command(("udevadm", "settle", f"--timeout={_SETTLE_SECONDS}"), why="wait for the disks")
    disk = next((names / label for label in _LABELS if (names / label).exists()), None)
    if disk is None:
        return None
    point = device.paths.at("/run/satchel-seed")
    point.mkdir(mode=0o700, exist_ok=True)
    options = "ro,nodev,nosuid,noexec"
    advice = "Make the seed disk anew, or remove it, and start the device again."
    argv = ("mount", "-t", "iso9660,vfat", "-o", options, str(disk), str(point))
    run_command(argv, why="look at the seed disk", advice=advice)
    try:
        data = _read(point / document.FILE)
    finally:
        with suppress(DeviceError):
            run_command(("umount", str(point)), why="let go of the seed disk")
    return None if data is None else Found(source=DISK, data=data)


def clear_card(path: Path, seed: Seed | None) -> None:
    """Write over a seed on the card, where it lies, so that of its secrets nothing remains and no cluster is moved."""
    shown = document.render(document.without_secrets(seed or Seed())).decode().rstrip("\n") + "\n"
    # A file that a person shortened may have no room for it.
    if not files.overwrite(path, shown):
        files.overwrite(path, document.TAKEN)


def _read(path: Path) -> bytes | None:
    """At most one byte more than a seed may have."""
    try:
        # Rock Ridge knows links, devices and pipes.
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except FileNotFoundError:
        return None
    except OSError:
        return b"\0"
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            return b"\0"
        with open(descriptor, "rb", closefd=False) as file:
            return file.read(document.ROOM + 1)
    finally:
        os.close(descriptor)
