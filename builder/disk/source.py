"""The tree that becomes a file system, seen without what other file systems will cover.

A mount point must be an empty directory in the file system below it, with its own owner and mode. Nothing is copied or
deleted for that: an empty stand-in with the same owner, mode, times and attributes is mounted over it in the sandbox.
"""

from __future__ import annotations

import os
import shutil
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from tempfile import mkdtemp

from builder.host.sandbox import Mount


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """A directory, and the paths below it (such as `/proc`, `/home`) that appear as empty directories."""

    path: Path
    hidden: tuple[str, ...] = ()

    def covered(self) -> tuple[str, ...]:
        """The hidden paths that are directories, relative, without those that lie in one another."""
        chosen: list[str] = []
        for path in sorted(path.strip("/") for path in self.hidden):
            inside = any(path.startswith(f"{outer}/") for outer in chosen)
            place = self.path / path
            if path and path not in chosen and not inside and place.is_dir() and not place.is_symlink():
                chosen.append(path)
        return tuple(chosen)

    def mounts(self, target: str, *, scratch: Path) -> tuple[Mount, ...]:
        """What shows the tree read-only at `target` of a sandbox; the stand-ins are made in `scratch`."""
        shown = [Mount(target=target, source=self.path)]
        for path in self.covered():
            original = self.path / path
            stand_in = Path(mkdtemp(dir=scratch))
            facts = original.stat()
            os.chown(stand_in, facts.st_uid, facts.st_gid)
            shutil.copystat(original, stand_in)
            shown.append(Mount(target=f"{target}/{path}", source=stand_in))
        return tuple(shown)

    def walk(self) -> Iterator[tuple[str, os.stat_result]]:
        """Every path that will be in the file system, relative, with its facts; the top itself comes first as `.`."""
        covered = frozenset(self.covered())
        yield ".", self.path.stat()
        pending = [""]
        while pending:
            directory = pending.pop()
            with os.scandir(self.path / directory) as entries:
                for entry in entries:
                    path = f"{directory}/{entry.name}" if directory else entry.name
                    facts = entry.stat(follow_symlinks=False)
                    yield path, facts
                    if stat.S_ISDIR(facts.st_mode) and path not in covered:
                        pending.append(path)
