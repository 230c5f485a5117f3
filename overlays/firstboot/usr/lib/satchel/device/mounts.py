"""What is mounted where, from the kernel's own table (proc_pid_mountinfo(5))."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from device.errors import DeviceError

_OCTAL = re.compile(r"\\([0-7]{3})")


@dataclass(frozen=True, slots=True, kw_only=True)
class Mount:
    """One mounted file system."""

    point: str
    type: str
    source: str
    device: str
    """Major and minor number, `254:3`; for a btrfs an invented one."""
    options: frozenset[str]
    """Options in force: those of the mount and those of the file system, where read-only on either side wins."""


def parse(text: str) -> tuple[Mount, ...]:
    """Every mount, in the order in which they were made."""
    return tuple(_parse_line(line) for line in text.splitlines() if line.strip())


def _parse_line(line: str) -> Mount:
    fields = line.split()
    rest = fields.index("-", 6)
    kind, source, superblock = (fields[rest + 1], fields[rest + 2], fields[rest + 3])
    every = {*fields[5].split(","), *superblock.split(",")}
    access = "ro" if "ro" in every else "rw"
    return Mount(
        point=_unescape(fields[4]),
        type=kind,
        source=_unescape(source),
        device=fields[2],
        options=frozenset(every - {"ro", "rw"} | {access}),
    )


def _unescape(text: str) -> str:
    return _OCTAL.sub(lambda match: chr(int(match[1], 8)), text)


def mounted_at(mounts: Sequence[Mount], point: str) -> Mount | None:
    """What is mounted exactly there; the last one hides those before it."""
    return next((mount for mount in reversed(mounts) if mount.point == point), None)


def holding(mounts: Sequence[Mount], path: str) -> Mount | None:
    """The mount that a path lies on."""
    place = PurePosixPath(path)
    found = [mount for mount in mounts if place.is_relative_to(mount.point)]
    return max(reversed(found), key=lambda mount: len(PurePosixPath(mount.point).parts), default=None)


def device_number(mount: Mount) -> str:
    """`MAJOR:MINOR` of the block device under a mount; that of a btrfs in the table of mounts is an invented one."""
    if mount.type != "btrfs":
        return mount.device
    number = Path(mount.source).stat().st_rdev
    return f"{os.major(number)}:{os.minor(number)}"


def read(mountinfo: Path) -> tuple[Mount, ...]:
    """The mounts of this process."""
    return parse(mountinfo.read_text(encoding="utf-8", errors="surrogateescape"))


def require(mounts: Sequence[Mount], points: Sequence[str]) -> None:
    """Insist that something is mounted at each of these places.

    Raises:
        DeviceError: something is not.
    """
    missing = [point for point in points if mounted_at(mounts, point) is None]
    if missing:
        raise DeviceError(
            f"not mounted: {', '.join(missing)}",
            advice="The disk may be damaged or half written. Flash it again, or try another one.",
        )
