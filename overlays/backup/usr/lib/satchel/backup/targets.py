"""The targets of the recipe, opened: a disk that must be mounted, a stick that comes and goes, a bucket."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath

from backup import bucket
from backup.folder import Folder
from backup.settings import Disk, Settings, Target, Usb
from backup.shelf import Absent, Shelf
from device import mounts
from device.commands import run
from device.errors import DeviceError
from device.paths import Paths

_POINT = "/run/satchel/backup-stick"
_ON_STICK = "satchel-backup"
_OPTIONS = "nosuid,nodev,noexec"


@contextmanager
def opened(paths: Paths, settings: Settings, target: Target, device: str) -> Iterator[Shelf]:
    """A target, with the backups of a device.

    Raises:
        Absent: it is not plugged in.
        DeviceError: it cannot be used.
    """
    if target.disk:
        yield Folder(top=_directory(paths, settings, target.disk), device=device)
    elif target.usb:
        with _mounted(paths, target.usb) as point:
            yield Folder(top=point / _ON_STICK, device=device)
    elif target.s3:
        with bucket.opened(paths, target.s3, device) as found:
            yield found


def require_mounted(paths: Paths, settings: Settings, path: str) -> None:
    """Insist that the partition of a path is there: otherwise it would be a directory of the system's.

    Raises:
        DeviceError: it is not.
    """
    points = [point for point in settings.mounts if PurePosixPath(path).is_relative_to(point)]
    mounts.require(mounts.read(paths.mountinfo), points)


def _directory(paths: Paths, settings: Settings, disk: Disk) -> Path:
    require_mounted(paths, settings, disk.path)
    top = paths.at(disk.path)
    top.mkdir(mode=0o700, parents=True, exist_ok=True)
    return top


@contextmanager
def _mounted(paths: Paths, usb: Usb) -> Iterator[Path]:
    """The stick, mounted where only this process and its programs see it: with their end it is let go."""
    wanted = f"LABEL={usb.label}" if usb.label else f"UUID={usb.uuid}"
    try:
        source = run(("findfs", wanted), why=f"look for {wanted}").strip()
    except DeviceError as error:
        what = f"the label {usb.label}" if usb.label else f"the UUID {usb.uuid}"
        reason = f"no file system with {what} is plugged in"
        raise Absent(reason, advice="Plug it in, and try again.") from error
    os.unshare(os.CLONE_NEWNS)
    run(("mount", "--make-rslave", "/"), why="keep the stick's mount to ourselves")
    point = paths.at(_POINT)
    point.mkdir(mode=0o700, parents=True, exist_ok=True)
    advice = "Try another stick, or make a new file system on this one."
    run(("mount", "-o", _OPTIONS, source, str(point)), why=f"mount {source}", advice=advice)
    try:
        yield point
    finally:
        run(("umount", str(point)), why=f"let go of {source}", timeout=3600)
