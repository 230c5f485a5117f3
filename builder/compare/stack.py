"""The stacked layers of a tree, looked at one by one: which of them made, changed or removed a path.

Marks are those of the kernel's overlay file system (filesystems/overlayfs): a character device 0/0 where something was
removed, an attribute on a directory that hides everything below it.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Final, Literal

from builder.errors import ArtifactError

_OPAQUE: Final = ("user.overlay.opaque", "trusted.overlay.opaque")
_LINKS: Final = 40
"""Links followed on the way to a path, as the kernel does."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Level:
    """A layer: its name and the directory with what it changed."""

    name: str
    tree: Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """What a layer did to a path."""

    layer: str
    did: Literal["made", "changed", "removed"]


class Stack:
    """Layers, the lowest first. Paths are absolute, as on the device."""

    def __init__(self, levels: Sequence[Level]) -> None:
        self._levels = tuple(levels)

    def find(self, path: str) -> Path | None:
        """Where the topmost layer that has it keeps a path; None for what is not there."""
        for level in reversed(self._levels):
            found = _look(level, path)
            if isinstance(found, Path):
                return found
            if found == "gone":
                return None
        return None

    def history(self, path: str) -> tuple[Step, ...]:
        """What each layer did to a path, the lowest first. A directory counts as changed only by what replaced it.

        The kernel also copies a directory into each layer that changes something below it, which says nothing.
        """
        steps: list[Step] = []
        there: Path | None = None
        for level in self._levels:
            found = _look(level, path)
            if found == "silent":
                continue
            if found == "gone":
                if there is not None:
                    steps.append(Step(layer=level.name, did="removed"))
                there = None
            elif isinstance(found, Path):
                if there is None:
                    steps.append(Step(layer=level.name, did="made"))
                elif not (_is_directory(there) and _is_directory(found)):
                    steps.append(Step(layer=level.name, did="changed"))
                there = found
        return tuple(steps)

    def names(self, path: str) -> frozenset[str]:
        """The names in a directory; none for what is no directory."""
        names: set[str] = set()
        for level in self._levels:
            found = _look(level, path)
            if found == "silent":
                continue
            if found == "gone" or not _is_directory(found) or _is_opaque(found):
                names.clear()
            if found != "gone" and _is_directory(found):
                for entry in found.iterdir():
                    names.discard(entry.name) if _is_whiteout(entry.lstat()) else names.add(entry.name)
        return frozenset(names)

    def read(self, path: str) -> bytes:
        """The content of a file.

        Raises:
            ArtifactError: there is no such file.
        """
        found = self.find(path)
        if found is None or not found.is_file():
            raise ArtifactError(f"the tree has no file {path}")
        return found.read_bytes()

    def resolved(self, path: str) -> str:
        """The path without links among the directories that lead to it: `/bin/ls` is `/usr/bin/ls`.

        Raises:
            ArtifactError: the links lead in a circle.
        """
        waiting = [part for part in PurePosixPath(os.path.normpath(path)).parts if part != "/"]
        done = PurePosixPath("/")
        links = 0
        while waiting:
            part = waiting.pop(0)
            found = self.find(str(done / part))
            if waiting and found is not None and found.is_symlink():
                links += 1
                if links > _LINKS:
                    raise ArtifactError(f"the links on the way to {path} lead in a circle")
                target = os.path.normpath(done / found.readlink())
                waiting = [*(piece for piece in PurePosixPath(target).parts if piece != "/"), *waiting]
                done = PurePosixPath("/")
            else:
                done /= part
        return str(done)


def _look(level: Level, path: str) -> Path | Literal["silent", "gone"]:
    """What a layer has at a path: its place, nothing, or a mark that it is gone."""
    place = level.tree
    hidden = False
    parts = PurePosixPath(path).parts[1:]
    for number, part in enumerate(parts, start=1):
        place /= part
        try:
            facts = place.lstat()
        except FileNotFoundError:
            return "gone" if hidden else "silent"
        if _is_whiteout(facts) or (number < len(parts) and not stat.S_ISDIR(facts.st_mode)):
            return "gone"
        hidden = hidden or (stat.S_ISDIR(facts.st_mode) and _is_opaque(place))
    return place


def _is_directory(path: Path) -> bool:
    return path.is_dir() and not path.is_symlink()


def _is_whiteout(facts: os.stat_result) -> bool:
    return stat.S_ISCHR(facts.st_mode) and facts.st_rdev == 0


def _is_opaque(path: Path) -> bool:
    for name in _OPAQUE:
        try:
            if os.getxattr(path, name, follow_symlinks=False) == b"y":
                return True
        except OSError:
            # No such attribute, or none that this user may read.
            continue
    return False
