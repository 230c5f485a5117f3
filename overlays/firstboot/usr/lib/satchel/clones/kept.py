"""Copies of Kolibri's databases, taken before learners' data is touched: for root only, beside the home.

They hold the facility's private key and everybody's passwords as Kolibri keeps them. Nothing ever deletes them; their
directory bears the facility code of who the device was, and the change for which they were taken.
"""

from __future__ import annotations

import os
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

from clones.change import Change
from device import files, kolibri_home
from device.errors import DeviceError

DIRECTORY = ".satchel-kept"

_SPARE_BYTES = 64 * 1024 * 1024
_TIMES = 4
"""How much room a fork needs, in sizes of the databases: the copy, the new facility beside the old one, a journal."""


def place(home: Path, wanted: Change) -> Path:
    """Where the copies lie that are taken before a change; each has its own, because one may be given up."""
    return home.parent / DIRECTORY / f"{wanted.formerly.get('code', '')}.{wanted.id}"


def require_room(home: Path) -> None:
    """Insist that a fork will not fill the disk.

    Raises:
        DeviceError: it might.
    """
    size = sum((home / name).stat().st_size for name in kolibri_home.DATABASES if (home / name).exists())
    room = os.statvfs(home)
    wanted = size * _TIMES + _SPARE_BYTES
    if room.f_bavail * room.f_frsize < wanted:
        raise DeviceError(
            f"the disk is too full to copy the learners' data: {wanted >> 20} MiB must be free",
            advice="Put the disk back into its old machine and make room, or use a larger disk.",
        )


def keep(home: Path, target: Path) -> None:
    """Copy the databases; nothing to do when that is done. The copy appears when it is whole."""
    if target.exists():
        return
    target.parent.mkdir(mode=0o700, exist_ok=True)
    fresh = target.with_name(f".{target.name}.new")
    shutil.rmtree(fresh, ignore_errors=True)
    fresh.mkdir(mode=0o700)
    for name in kolibri_home.DATABASES:
        if (home / name).exists():
            _copy(home / name, fresh / name)
    for path in fresh.iterdir():
        path.chmod(0o600)
    os.sync()
    fresh.rename(target)
    files.sync_directory(target.parent)


def _copy(source: Path, target: Path) -> None:
    """By SQLite itself: what its journal beside the file holds belongs to it."""
    with closing(sqlite3.connect(source, timeout=30)) as old, closing(sqlite3.connect(target)) as new:
        old.backup(new)
        # One file that says all, and that reading alone gives no companions.
        new.execute("PRAGMA journal_mode = DELETE")
