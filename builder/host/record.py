"""What the store writes beside a finished piece: what it is, how large, and the seal that shows whether it is whole."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from pydantic import BaseModel, ConfigDict, ValidationError

from builder.host.holding import STARTED_NS
from builder.host.tree_seal import seal_of

RECORD: Final = "key.json"
_USERS: Final = "users"


class Record(BaseModel):
    """The file beside a finished piece; its time of modification says when the piece was used last."""

    model_config = ConfigDict(frozen=True)

    name: str
    parts: dict[str, str]
    """What its key was made from."""
    made_ns: int
    """When it was finished, in nanoseconds since 1970."""
    size_bytes: int
    """What it takes on the disk."""
    inodes: int
    facts: str
    """The seal; see `TreeSeal`."""
    changes: str
    """The part of the seal that no copy of the cache can keep."""
    linked: bool
    """Whether files of it may have further names elsewhere, whose coming and going is a change for the kernel."""
    place: int
    """The inode of the piece's directory: another one means that the cache was copied."""


def write_record(directory: Path, *, name: str, parts: Mapping[str, str], linked: bool) -> None:
    """Seal a finished piece."""
    seal = seal_of(directory, without=(RECORD, _USERS))
    record = Record(
        name=name,
        parts=dict(parts),
        made_ns=time.time_ns(),
        size_bytes=seal.allocated_bytes,
        inodes=seal.inodes,
        facts=seal.facts,
        changes=seal.changes,
        linked=linked,
        place=directory.stat().st_ino,
    )
    _write(directory, record)


def read_record(directory: Path) -> Record | None:
    """The record of a piece; none if there is no piece, or none that can be read."""
    try:
        return Record.model_validate_json((directory / RECORD).read_bytes())
    except (FileNotFoundError, NotADirectoryError, IsADirectoryError, ValidationError):
        return None


def is_whole(directory: Path, record: Record) -> bool:
    """Whether a piece is as it was when it was finished. Must run inside the namespace that made it."""
    try:
        seal = seal_of(directory, without=(RECORD, _USERS))
        place = directory.stat().st_ino
    except FileNotFoundError:
        return False
    if seal.facts != record.facts:
        return False
    if place == record.place:
        return record.linked or seal.changes == record.changes
    # Copied as a whole, by `cp -a` or from an archive: the copy has new times of change, good from now on.
    _write(directory, record.model_copy(update={"changes": seal.changes, "place": place}))
    return True


def last_used_ns(directory: Path) -> int:
    """When a piece was used last, in nanoseconds since 1970; 0 if it is damaged."""
    try:
        return (directory / RECORD).stat().st_mtime_ns
    except (FileNotFoundError, NotADirectoryError):
        return 0


def mark_used(directory: Path, *, user: str) -> None:
    """Note that this run uses a piece, and for which recipe if that is known."""
    try:
        os.utime(directory / RECORD, ns=(STARTED_NS, STARTED_NS))
        if user:
            (directory / _USERS).mkdir(exist_ok=True)
            (directory / _USERS / user).touch()
    except OSError:
        # Only the order of collection depends on it; a cache that cannot be written to can still be read.
        return


def users_of(directory: Path) -> tuple[str, ...]:
    """The recipes that a piece was used for."""
    users = directory / _USERS
    return tuple(sorted(path.name for path in users.iterdir())) if users.is_dir() else ()


def _write(directory: Path, record: Record) -> None:
    unfinished = directory / f"{RECORD}.{os.getpid()}"
    unfinished.write_text(record.model_dump_json(indent=1))
    unfinished.rename(directory / RECORD)
