"""Who uses what in the cache: locks that the kernel gives back when their owner ends, however it ends.

A directory in use is held by a shared lock on itself; whoever wants to remove it asks for an exclusive one first. There
are no lock files to go stale: a directory that is moved keeps its locks, and a dead owner has none.
"""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Lock
from typing import Final

STARTED_NS: Final = time.time_ns()
"""When this run began; everything that it uses was last used then, so that the layers of one tree stay together."""

_held: dict[Path, int] = {}
_guard = Lock()


def hold(path: Path) -> bool:
    """Keep a directory from being removed until this process ends; whether it is there at all."""
    descriptor = locked(path, os.O_RDONLY | os.O_DIRECTORY, fcntl.LOCK_SH)
    if descriptor is None:
        return False
    with _guard:
        earlier = _held.get(path)
        _held[path] = descriptor
    if earlier is not None:
        os.close(earlier)
    return True


def release(path: Path) -> None:
    """Let go of a directory."""
    with _guard:
        descriptor = _held.pop(path, None)
    if descriptor is not None:
        os.close(descriptor)


@contextmanager
def alone(path: Path) -> Iterator[bool]:
    """Whether nobody uses a file or directory, and nobody begins to before the block ends."""
    try:
        descriptor = locked(path, os.O_RDONLY, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        descriptor = None
    try:
        yield descriptor is not None
    finally:
        if descriptor is not None:
            os.close(descriptor)


@contextmanager
def turn(path: Path, *, on_wait: Callable[[], None]) -> Iterator[None]:
    """Be the only one who does the work that the file `path` stands for; wait for whoever does it now."""
    path.parent.mkdir(parents=True, exist_ok=True)
    flags = os.O_RDWR | os.O_CREAT
    try:
        descriptor = locked(path, flags, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        on_wait()
        descriptor = locked(path, flags, fcntl.LOCK_EX)
    assert descriptor is not None
    try:
        yield
    finally:
        path.unlink(missing_ok=True)
        os.close(descriptor)


def locked(path: Path, flags: int, lock: int) -> int | None:
    """A descriptor of `path`, locked; none if nothing is there (any more)."""
    while True:
        try:
            descriptor = os.open(path, flags, 0o644)
        except (FileNotFoundError, NotADirectoryError):
            return None
        try:
            fcntl.flock(descriptor, lock)
            # What we waited for may have been removed or replaced meanwhile.
            if _is_at(descriptor, path):
                return descriptor
        except BaseException:
            os.close(descriptor)
            raise
        os.close(descriptor)


def _is_at(descriptor: int, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(descriptor), path.stat())
    except FileNotFoundError:
        return False
