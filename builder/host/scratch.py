"""Room for unfinished work: directories that their makers hold locked, so that what killed runs left is known."""

from __future__ import annotations

import fcntl
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import mkdtemp
from uuid import uuid4

from builder.host.holding import alone, locked
from builder.host.places import remove_tree
from builder.host.room import full_disk_explained


@contextmanager
def scratch(parent: Path, prefix: str) -> Iterator[Path]:
    """A new directory below `parent`, held locked; removed at the end unless it was renamed.

    Raises:
        HostError: the disk became full meanwhile.
    """
    with full_disk_explained(parent):
        parent.mkdir(parents=True, exist_ok=True)
        path, descriptor = _new(parent, prefix)
    try:
        with full_disk_explained(parent):
            yield path
    finally:
        # Still locked, so that nobody sweeps what we are removing.
        try:
            if path.exists():
                shutil.rmtree(path)
        finally:
            os.close(descriptor)


def sweep(parent: Path, prefix: str = "") -> None:
    """Remove everything below `parent` whose name begins with `prefix` and that nobody holds."""
    if not parent.is_dir():
        return
    for path in parent.iterdir():
        if path.name.startswith(prefix):
            remove_unused(path)


def remove_unused(path: Path) -> bool:
    """Remove a file or directory unless somebody holds it; whether it was removed."""
    with alone(path) as free:
        if free:
            remove_tree(path)
        return free


def set_aside(path: Path, parent: Path) -> Path:
    """Move a directory out of everybody's sight, below `parent`, where a sweep finds it; its locks stay."""
    parent.mkdir(parents=True, exist_ok=True)
    return path.rename(parent / f"aside-{uuid4()}")


def _new(parent: Path, prefix: str) -> tuple[Path, int]:
    while True:
        path = Path(mkdtemp(prefix=prefix, dir=parent))
        # Somebody may sweep it away before it is locked.
        descriptor = locked(path, os.O_RDONLY, fcntl.LOCK_EX)
        if descriptor is not None:
            path.chmod(0o755)
            return path, descriptor
