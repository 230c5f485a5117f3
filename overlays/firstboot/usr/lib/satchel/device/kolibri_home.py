"""Damage in a Kolibri home that Kolibri itself would not notice, or would answer by starting with empty data.

Found by running Kolibri 0.19.5 on damaged homes: an empty `db.sqlite3` is silently migrated into an empty school, other
empty databases make every login fail, and a `.data_version` of zeros stops the server without a useful word.
"""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

MAIN_DATABASE = "db.sqlite3"
DATABASES = (
    MAIN_DATABASE,
    "sessions.sqlite3",
    "syncqueue.sqlite3",
    "notifications.sqlite3",
    "networklocation.sqlite3",
    "job_storage.sqlite3",
)
OWNER_MARK = ".satchel-provisioned"
"""Written into the home once it has an owner; from then on nothing in it may be replaced."""

_MAGIC = b"SQLite format 3\0"
_VERSION = re.compile(r"\d+\.\d+\S*\s*")


def damage(home: Path) -> tuple[str, ...]:
    """What is wrong with a home, one sentence each; nothing when Kolibri may start."""
    return tuple(_damage(home))


def _damage(home: Path) -> Iterator[str]:
    try:
        version = (home / ".data_version").read_bytes().decode("ascii", "replace")
    except FileNotFoundError:
        version = ""
    if not _VERSION.fullmatch(version):
        yield ".data_version does not hold a version"
    if (options := home / "options.ini").exists() and b"\0" in options.read_bytes():
        yield "options.ini holds zeros"
    for name in DATABASES:
        if problem := _database_problem(home / name, thorough=name == MAIN_DATABASE):
            yield f"{name} {problem}"


def _database_problem(path: Path, *, thorough: bool) -> str | None:
    try:
        with path.open("rb") as file:
            header = file.read(100)
    except FileNotFoundError:
        return "is missing"
    if not header:
        return "is empty"
    if len(header) < 100 or not header.startswith(_MAGIC):
        return "is not a database"
    if path.stat().st_size < _promised_size(header):
        return "is cut off"
    try:
        with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True, timeout=30)) as db:
            if not db.execute("SELECT 1 FROM sqlite_master WHERE type = 'table' LIMIT 1").fetchone():
                return "has no tables"
            verdict = db.execute("PRAGMA quick_check(1)").fetchone()[0] if thorough else "ok"
    except sqlite3.DatabaseError as error:
        return f"cannot be read: {error}"
    return None if verdict == "ok" else f"is damaged: {verdict}"


def _promised_size(header: bytes) -> int:
    """Bytes by the header; 0 when it makes no valid promise (SQLite file format, sections 1.3.2 and 1.3.7)."""
    page_size = int.from_bytes(header[16:18], "big")
    page_size = 65536 if page_size == 1 else page_size
    counted = header[24:28] == header[92:96]
    return page_size * int.from_bytes(header[28:32], "big") if counted else 0
