"""Files that are whole or absent after a power cut, never in between."""

from __future__ import annotations

import os
from pathlib import Path


def write(path: Path, text: str, *, mode: int = 0o644) -> None:
    """Replace a file at once and for good: temporary file, fsync, rename, fsync of the directory.

    The mode holds from the first byte, so that a secret is at no moment readable by others.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = unfinished(path)
    temporary.unlink(missing_ok=True)
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, mode)
    with open(descriptor, "w", encoding="utf-8") as file:
        os.fchmod(descriptor, mode)
        file.write(text)
        file.flush()
        os.fsync(descriptor)
    temporary.rename(path)
    sync_directory(path.parent)


def unfinished(path: Path) -> Path:
    """Where a file lies until it is whole."""
    return path.with_name(f".{path.name}.new")


def overwrite(path: Path, text: str) -> bool:
    """Write over a file without changing its size or its place, and make it durable; the rest becomes empty lines.

    Returns:
        False, and nothing is written, when there is no such file or the text does not fit.
    """
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_NOFOLLOW)
    except FileNotFoundError:
        return False
    try:
        data, room = text.encode(), os.fstat(descriptor).st_size
        if len(data) > room:
            return False
        rest = memoryview(data + b"\n" * (room - len(data)))
        while rest:
            rest = rest[os.pwrite(descriptor, rest, room - len(rest)) :]
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    return True


def sync_directory(path: Path) -> None:
    """Make the names in a directory durable."""
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def read(path: Path) -> str | None:
    """The text of a file without the white space around it; nothing when it is absent or empty."""
    try:
        return path.read_text(encoding="utf-8", errors="replace").strip() or None
    except FileNotFoundError:
        return None
