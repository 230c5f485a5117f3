"""When a disk is full: say which, what the cache could give back, and how."""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from builder.errors import HostError, SatchelError
from builder.host.places import cache_directory
from builder.host.survey import survey
from builder.units import format_size

_FULL: Final = (errno.ENOSPC, errno.EDQUOT)

_places: Final[list[Path]] = []
"""Where we write at this moment, the outermost first."""


@contextmanager
def full_disk_explained(place: Path) -> Iterator[None]:
    """Work that writes below `place`.

    Raises:
        HostError: there was no room, for us or for a program that we started.
    """
    _places.append(place)
    try:
        yield
    except Exception as error:
        if _tells_of_full_disk(error):
            raise _full_disk(error) from error
        raise
    finally:
        _places.remove(place)


def _tells_of_full_disk(error: Exception) -> bool:
    if isinstance(error, OSError):
        return error.errno in _FULL
    return isinstance(error, SatchelError) and any(os.strerror(code) in str(error) for code in _FULL)


def _full_disk(error: Exception) -> HostError:
    cause = error.message if isinstance(error, SatchelError) else "a file could not be written"
    free = [
        f"{format_size(shutil.disk_usage(place).free)} free in {place}"
        for place in dict.fromkeys(_places)
        if place.is_dir()
    ]
    kept = sum(piece.size_bytes for piece in survey())
    return HostError(
        f"the disk is full: {cause}",
        details="\n".join([*free, f"{format_size(kept)} kept in the cache {cache_directory()}"]),
        hint="`satchel cache gc --to SIZE` makes the cache smaller; SATCHEL_CACHE and --dist choose other disks",
    )
