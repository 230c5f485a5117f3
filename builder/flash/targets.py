"""What a person named, found and understood: disks that may be overwritten, or image files. Nothing is opened yet."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from builder.errors import FlashRefused
from builder.flash.choosing import Rules, refusals
from builder.flash.device import Device
from builder.flash.disks import Disk, disks, number_of
from builder.flash.medium import Medium, MediumError
from builder.flash.plain_file import PlainFile
from builder.units import format_size

_NO_FILES: Final = ("/dev", "/sys", "/proc")
"""Below these, what is no device is a mistake: a file would be written into memory and be gone."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """One card, or one file."""

    name: str
    """What the person or the slot called it."""
    path: Path
    disk: Disk | None = None
    """None for a file."""
    size_bytes: int
    new: bool = False
    """A file that is not there yet."""

    @property
    def called(self) -> str:
        """What it is, in a few words."""
        if self.disk:
            return f"{self.disk.called}, {format_size(self.size_bytes)}"
        return f"{'new file' if self.new else 'file'}, {format_size(self.size_bytes)}"

    @property
    def described(self) -> str:
        """What it is, and where it is plugged in."""
        return f"{self.called}, at {self.disk.place}" if self.disk else self.called

    def open(self) -> Medium:
        """Open it, if it is still what it was.

        Raises:
            MediumError: it cannot be opened, or is another one by now.
        """
        if self.disk is None:
            return PlainFile(self.path, size_bytes=self.size_bytes if self.new else None)
        device = Device(self.path)
        number = f"{os.major(device.number)}:{os.minor(device.number)}"
        now = (number, device.size_bytes, device.sequence or self.disk.sequence)
        if now != (self.disk.number, self.size_bytes, self.disk.sequence or now[2]):
            device.close()
            raise MediumError("open", "another card lies there than the one that was looked at")
        return device


def understand(
    names: Sequence[str], rules: Rules, *, ours: Sequence[Path] = (), known: Callable[[], Iterable[Disk]] = disks
) -> tuple[Target, ...]:
    """The targets that a person named.

    Args:
        names: Paths of devices or files.
        rules: What may be overwritten. A new file gets the size of the image.
        ours: Files that are needed meanwhile, such as the image itself.
        known: The disks of this machine.

    Raises:
        FlashRefused: any of them must not be written to; every reason for every one is named.
    """
    by_number = {disk.number: disk for disk in known()}
    found: list[Target] = []
    wrong: list[str] = []
    for name in names:
        target, reasons = _one(name, rules, by_number)
        wrong += [f"{name}: {reason}" for reason in reasons]
        if target and any(path.exists() and target.path.exists() and path.samefile(target.path) for path in ours):
            wrong.append(f"{name}: it is needed for this very flash")
        if target and any(_same(target, other) for other in found):
            wrong.append(f"{name}: it is named twice")
        if target:
            found.append(target)
    if wrong:
        raise FlashRefused("nothing was written", details="\n".join(wrong), hint="`satchel disks` shows what there is")
    return tuple(found)


def _same(one: Target, other: Target) -> bool:
    if one.disk and other.disk:
        return one.disk.number == other.disk.number
    return one.path.resolve() == other.path.resolve()


def _one(name: str, rules: Rules, by_number: dict[str, Disk]) -> tuple[Target | None, list[str]]:
    given = Path(name).absolute()
    # Links and dots on the way are followed, so that a name that leads to /dev is known to lead there.
    path = given.parent.resolve() / given.name
    special = any(path.is_relative_to(place) for place in _NO_FILES)
    try:
        mode = path.stat().st_mode
    except FileNotFoundError:
        if special:
            return None, ["there is no such device"]
        if not path.parent.is_dir():
            return None, [f"there is no directory {path.parent}"]
        return Target(name=name, path=path, size_bytes=rules.needed_bytes, new=True), []
    except OSError as error:
        return None, [str(error.strerror)]
    if stat.S_ISBLK(mode):
        return _device(name, path, rules, by_number)
    if special or not stat.S_ISREG(mode):
        return None, ["it is neither a disk nor a file"]
    size = path.stat().st_size
    if size < rules.needed_bytes:
        return None, [f"it is too small: {format_size(size)}, and the image has {format_size(rules.needed_bytes)}"]
    return Target(name=name, path=path, size_bytes=size), []


def _device(name: str, path: Path, rules: Rules, by_number: dict[str, Disk]) -> tuple[Target | None, list[str]]:
    disk = by_number.get(number_of(path) or "")
    if disk is None:
        return None, ["it is a part of a disk, or nothing that can be flashed; name the whole disk"]
    reasons = [str(refusal) for refusal in refusals(disk, rules)]
    return (None, reasons) if reasons else (Target(name=name, path=path, disk=disk, size_bytes=disk.size_bytes), [])
