"""A safe look into a directory tree that is somebody else's root directory.

The tree is listed once and links are never followed: an absolute link in it would lead to the build host's own files.
"""

from __future__ import annotations

import mmap
import os
import re
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from fnmatch import translate
from functools import cached_property
from pathlib import Path

from builder.units import MIB

_AT_ONCE = 64 * MIB
"""Larger files are not read into memory."""


@dataclass(frozen=True, slots=True)
class TreeFile:
    """A regular file of a tree; `path` is relative to the tree, `size` in bytes."""

    path: str
    size: int


class Tree:
    """The regular files below `root`, except below the directories in `leave_out` (relative paths)."""

    def __init__(self, root: Path, *, leave_out: tuple[str, ...] = ()) -> None:
        self.root = root
        self._leave_out = frozenset(leave_out)

    @cached_property
    def _listing(self) -> dict[str, TreeFile]:
        return {file.path: file for file in sorted(self._walk(""), key=lambda file: file.path)}

    def _walk(self, below: str) -> Iterator[TreeFile]:
        with os.scandir(self.root / below) as entries:
            for entry in entries:
                path = f"{below}/{entry.name}" if below else entry.name
                if entry.is_dir(follow_symlinks=False):
                    if path not in self._leave_out:
                        yield from self._walk(path)
                elif entry.is_file(follow_symlinks=False):
                    yield TreeFile(path, entry.stat(follow_symlinks=False).st_size)

    def files(self, *patterns: str) -> Iterator[TreeFile]:
        """Files whose path matches a pattern; `*` also matches `/`. In order of their paths."""
        matches = re.compile("|".join(map(translate, patterns))).match
        return (file for path, file in self._listing.items() if matches(path))

    def get(self, path: str) -> TreeFile | None:
        """The file with exactly this path."""
        return self._listing.get(path)

    def has_directory(self, path: str) -> bool:
        """Whether there is a real directory at the path; one behind a link is not one."""
        here = self.root
        for part in path.split("/"):
            here /= part
            if not os.path.lexists(here) or not stat.S_ISDIR(here.lstat().st_mode):
                return False
        return True

    def read(self, path: str) -> bytes:
        """The content of a file; nothing when there is none with this path."""
        return b"" if self.get(path) is None else (self.root / path).read_bytes()

    def text(self, path: str) -> str:
        """The content of a file as text, whatever bytes it holds."""
        return self.read(path).decode(errors="replace")

    def search(self, file: TreeFile, pattern: re.Pattern[bytes], *, any_of: tuple[bytes, ...] = ()) -> bytes | None:
        """The first match of a pattern in a file of any size.

        Args:
            file: Where to look.
            pattern: What to look for.
            any_of: Texts of which every match has one. They are found many times quicker, so most files need no more.
        """
        if file.size == 0:
            return None
        if any_of and file.size <= _AT_ONCE:
            content = (self.root / file.path).read_bytes()
            if not any(text in content for text in any_of):
                return None
        with (
            (self.root / file.path).open("rb") as stream,
            mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ) as mapped,
        ):
            match = pattern.search(mapped)
            return None if match is None else match[0]
