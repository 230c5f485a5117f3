"""Finished pieces kept under the key of everything that went into them, and room for unfinished ones.

A piece is made under a temporary name, written out and then renamed, so that what stands under a key is whole. A killed
run leaves only an unlocked temporary directory; the next run removes it.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from builder.host.places import cache_directory
from builder.host.scratch import scratch, sweep

_KEY_FILE = "key.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A finished piece: its key, the parts that the key was made of, and the directory that holds it."""

    key: str
    name: str
    parts: Mapping[str, str]
    path: Path


class Store:
    """One directory of finished pieces, such as the layers or the tools trees."""

    def __init__(self, kind: str, *, root: Path | None = None) -> None:
        base = cache_directory() if root is None else root
        self._entries = base / kind
        self._unfinished = base / "tmp"

    def find(self, key: str) -> Entry | None:
        """The piece under `key`, if it was ever finished."""
        return self._read(self._entries / key)

    def entries(self) -> tuple[Entry, ...]:
        """Every finished piece, the newest first."""
        if not self._entries.is_dir():
            return ()
        newest_first = sorted(self._entries.iterdir(), key=lambda path: path.stat().st_mtime_ns, reverse=True)
        return tuple(entry for entry in map(self._read, newest_first) if entry is not None)

    @contextmanager
    def make(self, key: str, *, name: str, parts: Mapping[str, str]) -> Iterator[Path]:
        """A directory to make a piece in; it becomes the piece when the block ends without an error."""
        self._entries.mkdir(parents=True, exist_ok=True)
        with self.scratch(name) as directory:
            yield directory
            (directory / _KEY_FILE).write_text(json.dumps({"name": name, "parts": dict(parts)}, indent=1))
            os.sync()
            try:
                directory.rename(self._entries / key)
            except OSError:
                # Somebody else finished the same piece meanwhile; theirs is as good as ours.
                if not (self._entries / key).is_dir():
                    raise

    @contextmanager
    def scratch(self, name: str) -> Iterator[Path]:
        """A directory for unfinished work on the file system of the store; removed unless it was renamed."""
        with scratch(self._unfinished, f"{name.replace('/', '_')}-") as path:
            yield path

    def sweep(self) -> None:
        """Remove what killed runs left unfinished."""
        sweep(self._unfinished)

    @staticmethod
    def _read(path: Path) -> Entry | None:
        try:
            stored = json.loads((path / _KEY_FILE).read_text())
        except FileNotFoundError:
            return None
        return Entry(key=path.name, name=stored["name"], parts=stored["parts"], path=path)
