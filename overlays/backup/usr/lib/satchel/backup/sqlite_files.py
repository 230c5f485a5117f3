"""Databases of SQLite inside directories, copied as they are at one moment while somebody writes to them."""

from __future__ import annotations

import shutil
import sqlite3
from contextlib import closing, suppress
from pathlib import Path
from urllib.parse import quote

from device.errors import DeviceError

_MAGIC = b"SQLite format 3\0"
BESIDE = ("-wal", "-shm", "-journal")
"""What belongs to a database while it is open; a copy has it inside (sqlite.org/fileformat.html)."""


def is_database(path: Path) -> bool:
    """Whether a file is a database of SQLite, by its first bytes."""
    with path.open("rb") as file:
        return file.read(len(_MAGIC)) == _MAGIC


def copy(path: Path, target: Path) -> None:
    """A whole copy, with whatever stood beside the database.

    Raises:
        DeviceError: the database is damaged. What is damaged must not take the place of what was whole.
    """
    try:
        source = sqlite3.connect(f"file:{quote(str(path))}?mode=ro", uri=True, timeout=60)
        with closing(source), closing(sqlite3.connect(target)) as made:
            source.backup(made)
            found = made.execute("PRAGMA quick_check(1)").fetchone()[0]
    except sqlite3.Error as error:
        found = str(error)
    if found != "ok":
        raise DeviceError(
            f"the database {path} is damaged: {found}",
            advice="No backup was made, and earlier ones stay. See `satchel-backup list`, and restore one of them.",
        )
    for ending in BESIDE:
        with suppress(FileNotFoundError):
            target.with_name(target.name + ending).unlink()
    shutil.copystat(path, target)
