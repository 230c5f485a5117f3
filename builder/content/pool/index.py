"""What the pool of content knows of its files: a small database that threads and processes share."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import astuple, dataclass
from pathlib import Path
from threading import RLock
from typing import Final

from builder.content.pool.room import explained

_COLUMNS: Final = "name, sha256, size, inode, mtime_ns, origin, arrived_s"
_SCHEMA: Final = """CREATE TABLE IF NOT EXISTS file (
  name TEXT PRIMARY KEY, sha256 TEXT NOT NULL, size INTEGER NOT NULL, inode INTEGER NOT NULL, mtime_ns INTEGER NOT NULL,
  origin TEXT NOT NULL, arrived_s INTEGER NOT NULL) WITHOUT ROWID"""


@dataclass(frozen=True, slots=True)
class Kept:
    """What the pool knows of a file, in the order of the columns."""

    name: str
    sha256: str
    size: int
    inode: int
    mtime_ns: int
    origin: str
    """The source that it came from, for people."""
    arrived_s: int
    """When, in seconds since 1970."""


class Index:
    """The database; it is opened when somebody asks, and stays open until `close`, because many ask for little."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._guard = RLock()
        self._connection: sqlite3.Connection | None = None

    def all(self) -> dict[str, Kept]:
        """Everything that was written down, by name."""
        if not self._path.exists():
            return {}
        with self._opened() as database:
            return {row[0]: Kept(*row) for row in database.execute(f"SELECT {_COLUMNS} FROM file")}

    def some(self, names: Sequence[str]) -> dict[str, Kept]:
        """What was written down of a few files, by name."""
        if not self._path.exists():
            return {}
        marks = ", ".join("?" * len(names))
        with self._opened() as database:
            rows = database.execute(f"SELECT {_COLUMNS} FROM file WHERE name IN ({marks})", names)
            return {row[0]: Kept(*row) for row in rows}

    def marks(self, names: Sequence[str]) -> dict[str, tuple[int, int, int]]:
        """Size, inode and time of modification, in ns, of files as they were written down, by name."""
        if not self._path.exists():
            return {}
        marks = ", ".join("?" * len(names))
        with self._opened() as database:
            rows = database.execute(f"SELECT name, size, inode, mtime_ns FROM file WHERE name IN ({marks})", names)
            return {name: (size, inode, mtime_ns) for name, size, inode, mtime_ns in rows}

    def add(self, kept: Sequence[Kept]) -> None:
        """Write down files, in the place of what was known of them."""
        with self._opened() as database, database:
            statement = "INSERT OR REPLACE INTO file VALUES (?, ?, ?, ?, ?, ?, ?)"
            database.executemany(statement, [astuple(one) for one in kept])

    def forget(self, names: Sequence[str]) -> None:
        """Strike files out."""
        if self._path.exists():
            with self._opened() as database, database:
                database.executemany("DELETE FROM file WHERE name = ?", [(name,) for name in names])

    def close(self) -> None:
        """Let go of the file."""
        with self._guard:
            if self._connection is not None:
                self._connection.close()
                self._connection = None

    @contextmanager
    def _opened(self) -> Iterator[sqlite3.Connection]:
        """One thread at a time.

        Raises:
            HostError: the database cannot be used.
        """
        with self._guard, explained(self._path):
            if self._connection is None:
                self._path.parent.mkdir(parents=True, exist_ok=True)
                self._connection = sqlite3.connect(self._path, timeout=60, check_same_thread=False)
                self._connection.execute(_SCHEMA)
            yield self._connection
