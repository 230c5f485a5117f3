"""What is in the cache: finished pieces of every kind, and downloads."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Collection, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Final

from builder.errors import HostError
from builder.host.holding import STARTED_NS, alone
from builder.host.places import cache_directory
from builder.host.record import Record, last_used_ns, read_record
from builder.host.tree_seal import seal_of
from builder.plan.eviction import Piece, Worth, default_cap
from builder.units import parse_size

UNFINISHED: Final = "tmp"
POOL: Final = "pool"
RESOLUTIONS: Final = "locks"
_KEY: Final = re.compile(r"[0-9a-f]{64}")


def survey(*, locked: Collection[str] = ()) -> tuple[Piece, ...]:
    """Everything in the cache that can be collected.

    Args:
        locked: SHA-256 of the downloads that locks name.
    """
    return (*_finished(cache_directory()), *_downloads(cache_directory() / POOL, locked))


def place_of(piece: Piece) -> Path:
    """Where a piece is."""
    if piece.kind == POOL:
        return cache_directory() / POOL / piece.key[:2] / piece.key
    return cache_directory() / piece.kind / piece.key


def cap_bytes() -> int:
    """How large the cache may grow: `$SATCHEL_CACHE_SIZE`, else what suits its file system.

    Raises:
        HostError: the variable is not a size.
    """
    chosen = os.environ.get("SATCHEL_CACHE_SIZE")
    if chosen:
        try:
            return parse_size(chosen)
        except ValueError as error:
            raise HostError(f"SATCHEL_CACHE_SIZE: {error}", hint="SATCHEL_CACHE_SIZE=30GiB") from error
    cache = cache_directory()
    cache.mkdir(parents=True, exist_ok=True)
    return default_cap(shutil.disk_usage(cache).total)


def kinds() -> tuple[str, ...]:
    """The kinds of finished pieces."""
    cache = cache_directory()
    found = sorted(path.name for path in cache.iterdir() if path.is_dir()) if cache.is_dir() else []
    return tuple(name for name in found if name not in {UNFINISHED, POOL})


def _finished(cache: Path) -> Iterator[Piece]:
    for kind in kinds():
        for path in sorted((cache / kind).iterdir()):
            # Other directories of the cache, such as those of tests, are not ours to remove.
            if _KEY.fullmatch(path.name):
                # What vanishes while we look is collected by another process.
                with suppress(FileNotFoundError):
                    yield _piece(kind, path)


def _piece(kind: str, path: Path) -> Piece:
    record = read_record(path)
    with alone(path) as free:
        held = not free
    return Piece(
        kind=kind,
        name=record.name if record else "damaged",
        key=path.name,
        size_bytes=record.size_bytes if record else _measured(path),
        made_ns=record.made_ns if record else 0,
        used_ns=last_used_ns(path),
        held=held,
        worth=_worth(kind, record),
    )


def _downloads(pool: Path, locked: Collection[str]) -> Iterator[Piece]:
    # Downloads are many; a build holds the pool as a whole, and what it used bears the time of its use.
    with alone(pool) as free:
        used_by_another = pool.is_dir() and not free
    for path in sorted(pool.glob("[0-9a-f][0-9a-f]/*")):
        if _KEY.fullmatch(path.name):
            with suppress(FileNotFoundError):
                yield _download(path, used_by_another=used_by_another, locked=path.name in locked)


def _download(path: Path, *, used_by_another: bool, locked: bool) -> Piece:
    status = path.stat()
    return Piece(
        kind=POOL,
        name="download",
        key=path.name,
        size_bytes=status.st_blocks * 512,
        made_ns=status.st_mtime_ns,
        used_ns=status.st_mtime_ns,
        held=used_by_another or status.st_mtime_ns >= STARTED_NS,
        worth=Worth.LOCKED if locked else Worth.DOWNLOADED,
    )


def _worth(kind: str, record: Record | None) -> Worth:
    if record is None:
        return Worth.DAMAGED
    # Mirrors move on: a second resolution has other versions.
    return Worth.LOCKED if kind == RESOLUTIONS else Worth.MADE


def _measured(path: Path) -> int:
    return seal_of(path).allocated_bytes if path.is_dir() else path.stat().st_blocks * 512
