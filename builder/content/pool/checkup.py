"""Read what the pool holds, and throw away what is no longer what its name says."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from builder.content.pool.pool import ContentPool
from builder.kolibri.channels import ContentFile


@dataclass(frozen=True, slots=True, kw_only=True)
class Damaged:
    """A file that is not what it was."""

    file: ContentFile
    what: str
    origin: str
    """Where it had come from; empty if nobody knows."""


def check_files(
    files: Iterable[ContentFile], pool: ContentPool, *, advance: Callable[[int], None] = lambda _size: None
) -> tuple[Damaged, ...]:
    """Read files that are in the pool, several at once, and compare MD5 and SHA-256. Nothing is changed.

    Args:
        files: Those to read, as long as they must be.
        pool: Where they are.
        advance: Told the bytes of each file that was read.
    """
    known = pool.known()

    def checked(file: ContentFile) -> Damaged | None:
        kept = known.get(file.name)
        try:
            what = pool.damage(file, kept)
        except FileNotFoundError:
            # Somebody threw it away meanwhile.
            return None
        except OSError as error:
            what = error.strerror or str(error)
        advance(file.size)
        return Damaged(file=file, what=what, origin=kept.origin if kept else "") if what else None

    # hashlib lets other threads run meanwhile.
    with ThreadPoolExecutor(max_workers=os.cpu_count()) as workers:
        return tuple(damaged for damaged in workers.map(checked, files) if damaged)


def as_it_arrived(pool: ContentPool) -> tuple[ContentFile, ...]:
    """All files of the pool, as long as they were when they arrived, or are, if that was not written down."""
    known = pool.known()
    return tuple(
        ContentFile(name=file.name, size=known[file.name].size) if file.name in known else file
        for file in pool.stored()
    )
