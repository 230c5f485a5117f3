"""The seal of a finished tree: a digest over what the file system says about every path in it.

Reading the contents again would take as long as making them. Their sizes and times are enough to see what really
happens to caches: files cut short by a full disk or a power cut, files edited or removed by a person.
"""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True, kw_only=True)
class TreeSeal:
    """What a tree was like at some moment."""

    facts: str
    """The digest of name, type, mode, owner, size, time of modification and link target of every path."""
    changes: str
    """The digest of every path's time of change, which the kernel alone sets: it betrays edits that hide."""
    allocated_bytes: int
    """What it takes on the disk: holes count nothing, a file with several names counts once."""
    inodes: int


def seal_of(directory: Path, *, without: Collection[str] = ()) -> TreeSeal:
    """Look at everything below `directory`, but not at itself nor at what is called `without` at its top."""
    facts, changes = hashlib.sha256(), hashlib.sha256()
    allocated = 0
    counted: set[int] = set()
    for where, path, status in _everything_below(os.fspath(directory), without):
        if status.st_ino not in counted:
            counted.add(status.st_ino)
            allocated += status.st_blocks * 512
        # The size of a directory is a matter of the file system.
        size = 0 if stat.S_ISDIR(status.st_mode) else status.st_size
        target = os.fsencode(Path(path).readlink()) if stat.S_ISLNK(status.st_mode) else b""
        numbers = (status.st_mode, status.st_uid, status.st_gid, status.st_rdev, size, status.st_mtime_ns)
        facts.update(b"%b\0%d %d %d %d %d %d %b\0" % (where, *numbers, target))
        changes.update(b"%d " % status.st_ctime_ns)
    return TreeSeal(
        facts=facts.hexdigest(), changes=changes.hexdigest(), allocated_bytes=allocated, inodes=len(counted)
    )


def _everything_below(top: str, without: Collection[str]) -> Iterator[tuple[bytes, str, os.stat_result]]:
    """Every path in an order that depends on names alone: its name below the top, its place, its status."""
    waiting = [(top, b"")]
    while waiting:
        directory, above = waiting.pop()
        with os.scandir(directory) as found:
            entries = sorted(found, key=lambda entry: entry.name)
        for entry in entries:
            if not above and entry.name in without:
                continue
            where = above + b"/" + os.fsencode(entry.name)
            yield where, entry.path, entry.stat(follow_symlinks=False)
            if entry.is_dir(follow_symlinks=False):
                waiting.append((entry.path, where))
