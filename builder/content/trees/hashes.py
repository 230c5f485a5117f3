"""Hashes of files that were read once, so that a tree in which little changed is looked at quickly.

A file is taken for the same as long as its inode, size and both times are; no program can set the time of change.
"""

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from builder.content.pool.hashed import Hashed, blocks_of, hash_blocks
from builder.content.pool.room import explained
from builder.host.places import cache_directory

_SETTLED_NS: Final = 2_000_000_000
"""A file that changed less long ago may change again without that its times tell."""

_SCHEMA: Final = """CREATE TABLE IF NOT EXISTS file (
  device INTEGER, inode INTEGER, size INTEGER, mtime_ns INTEGER, ctime_ns INTEGER, md5 TEXT, sha256 TEXT,
  PRIMARY KEY (device, inode)) WITHOUT ROWID"""


class Hashes:
    """What is known of local files. Used in a `with` block, at whose end everything new is written down."""

    def __init__(self) -> None:
        self._path = cache_directory() / "trees.sqlite3"
        with explained(self._path):
            self._path.parent.mkdir(parents=True, exist_ok=True)
            self._database = sqlite3.connect(self._path, timeout=60)
            self._database.execute(_SCHEMA)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with explained(self._path), closing(self._database):
            # What was read is known, however this ends.
            self._database.commit()

    def of(self, path: Path, *, advance: Callable[[int], None]) -> Hashed:
        """The hashes of a file, which is read only if it is not as it was when it was read before.

        Raises:
            OSError: it cannot be read.
        """
        with path.open("rb") as stream:
            facts = os.fstat(stream.fileno())
            query = "SELECT md5, sha256 FROM file WHERE (device, inode, size, mtime_ns, ctime_ns) = (?, ?, ?, ?, ?)"
            with explained(self._path):
                known = self._database.execute(query, _marks(facts)).fetchone()
            if known is not None:
                advance(facts.st_size)
                return Hashed(size=facts.st_size, md5=known[0], sha256=known[1])
            hashed = hash_blocks(blocks_of(stream), advance=advance)
            quiet = time.time_ns() - max(facts.st_mtime_ns, facts.st_ctime_ns) > _SETTLED_NS
            if quiet and _marks(os.fstat(stream.fileno())) == _marks(facts):
                row = (*_marks(facts), hashed.md5, hashed.sha256)
                with explained(self._path):
                    self._database.execute("INSERT OR REPLACE INTO file VALUES (?, ?, ?, ?, ?, ?, ?)", row)
            return hashed


def _marks(facts: os.stat_result) -> tuple[int, ...]:
    return facts.st_dev, facts.st_ino, facts.st_size, facts.st_mtime_ns, facts.st_ctime_ns
