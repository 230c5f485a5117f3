"""A safe look into a directory tree that is somebody else's root directory.

The tree is listed once and links are never followed: an absolute link in it would lead to the build host's own files.
What cannot be read is remembered, never passed over in silence.
"""

from __future__ import annotations

import mmap
import os
import re
import stat
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from fnmatch import translate
from functools import cached_property
from pathlib import Path
from typing import Final

from builder.audit import kolibri_content
from builder.units import MIB, format_size

_AT_ONCE = 64 * MIB
"""Larger files are not read into memory."""

_SMALL: Final = MIB
"""Where only small files are looked into, larger ones are not."""

_NOT_ON_A_DISK: Final = frozenset({"dev", "proc", "run", "sys"})

_OF_PACKAGES: Final = re.compile(r"(?!usr/local/)(?:usr|bin|sbin|lib|lib32|lib64|libx32)/")


@dataclass(frozen=True, slots=True)
class TreeFile:
    """A regular file of a tree; `path` is relative to the tree, `size` in bytes."""

    path: str
    size: int


class Tree:
    """The regular files below `root`, except below the directories in `leave_out`, and large ones below those in
    `small_only` (relative paths).
    """

    def __init__(self, root: Path, *, leave_out: tuple[str, ...] = (), small_only: tuple[str, ...] = ()) -> None:
        self.root = root
        self._leave_out = frozenset(leave_out)
        self._small_only = small_only
        self._large = Counter[str]()
        self._unread: dict[str, str] = {}

    @cached_property
    def _listing(self) -> dict[str, TreeFile]:
        return {file.path: file for file in sorted(self._walk(""), key=lambda file: file.path)}

    @cached_property
    def _outside_usr(self) -> tuple[TreeFile, ...]:
        return tuple(file for path, file in self._listing.items() if not _OF_PACKAGES.match(path))

    def _walk(self, below: str) -> Iterator[TreeFile]:
        try:
            with os.scandir(self.root / below) as found:
                entries = list(found)
        except OSError as error:
            self.not_read(below, error)
            return
        for entry in entries:
            path = f"{below}/{entry.name}" if below else entry.name
            if entry.is_dir(follow_symlinks=False):
                if path not in self._leave_out and not self._is_none_of_ours(path, entry.name):
                    yield from self._walk(path)
            elif entry.is_file(follow_symlinks=False):
                try:
                    size = entry.stat(follow_symlinks=False).st_size
                except OSError as error:
                    self.not_read(path, error)
                    continue
                if size <= _SMALL or not self._is_passed_over(path):
                    yield TreeFile(path, size)

    def _is_passed_over(self, path: str) -> bool:
        """Whether a large file lies where only small ones are looked into; it is remembered."""
        for directory in self._small_only:
            if path.startswith(f"{directory}/"):
                self._large[directory] += 1
                self.not_read(directory, f"files of more than {format_size(_SMALL)}: {self._large[directory]}")
                return True
        return False

    def _is_none_of_ours(self, path: str, name: str) -> bool:
        """Whether a directory is of a kind that nobody needs to look into; it is remembered."""
        place = self.root / path
        if name == kolibri_content.STORAGE and (place.parent / kolibri_content.DATABASES).is_dir():
            try:
                bulk = kolibri_content.is_storage([path.name for path in place.iterdir()])
            except OSError:
                return False
            if bulk:
                self.not_read(path, kolibri_content.WHY)
            return bulk
        if path in _NOT_ON_A_DISK and place.is_mount():
            self.not_read(path, "belongs to a running system, not to its disk")
            return True
        return False

    def not_read(self, path: str, why: OSError | str) -> None:
        """Remember a file or directory that was not read, or not to its end."""
        self._unread[path] = why if isinstance(why, str) else why.strerror or type(why).__name__

    @property
    def unread(self) -> tuple[tuple[str, str], ...]:
        """What could not be read so far, or needed no reading: relative path and reason."""
        return tuple(sorted(self._unread.items()))

    def without(self, directories: tuple[str, ...]) -> Tree:
        """The same tree without what lies below these directories; it is not listed again."""
        if not directories:
            return self
        inside = tuple(f"{directory}/" for directory in directories)
        rest = Tree(self.root, leave_out=(*self._leave_out, *directories), small_only=self._small_only)
        rest._listing = {path: file for path, file in self._listing.items() if not path.startswith(inside)}
        rest._unread = {path: why for path, why in self._unread.items() if not f"{path}/".startswith(inside)}
        return rest

    def __len__(self) -> int:
        return len(self._listing)

    def files(self, *patterns: str) -> Iterator[TreeFile]:
        """Files whose path matches a pattern; `*` also matches `/`. In order of their paths."""
        matches = re.compile("|".join(map(translate, patterns))).match
        return (file for path, file in self._listing.items() if matches(path))

    def everything(self) -> Iterator[TreeFile]:
        """All files, in order of their paths."""
        return iter(self._listing.values())

    def outside_usr(self) -> tuple[TreeFile, ...]:
        """Files where not only packages write: all but those of /usr, /bin and /lib; /usr/local is among them."""
        return self._outside_usr

    def get(self, path: str) -> TreeFile | None:
        """The file with exactly this path."""
        return self._listing.get(path)

    def has_directory(self, path: str) -> bool:
        """Whether there is a real directory at the path; one behind a link is not one."""
        here = self.root
        for part in path.split("/"):
            here /= part
            try:
                if not stat.S_ISDIR(here.lstat().st_mode):
                    return False
            except OSError:
                return False
        return True

    def read(self, path: str, count: int = -1) -> bytes:
        """The content of a file, or its first bytes; nothing when there is no such file, or when it cannot be read."""
        if self.get(path) is None:
            return b""
        try:
            with (self.root / path).open("rb") as stream:
                return stream.read(count)
        except OSError as error:
            self.not_read(path, error)
            return b""

    def text(self, path: str) -> str:
        """The content of a file as text, whatever bytes it holds."""
        return self.read(path).decode(errors="replace")

    def search(self, file: TreeFile, pattern: re.Pattern[bytes], *, any_of: tuple[bytes, ...] = ()) -> bytes | None:
        """The first match of a pattern in a file of any size; none when it cannot be read.

        Args:
            file: Where to look.
            pattern: What to look for.
            any_of: Texts of which every match has one. They are found many times quicker, so most files need no more.
        """
        if file.size == 0:
            return None
        if any_of and file.size <= _AT_ONCE:
            content = self.read(file.path)
            if not any(text in content for text in any_of):
                return None
        try:
            with (
                (self.root / file.path).open("rb") as stream,
                mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ) as mapped,
            ):
                match = pattern.search(mapped)
                return None if match is None else match[0]
        except OSError as error:
            self.not_read(file.path, error)
            return None
        except ValueError:
            # It became empty since it was listed.
            return None
