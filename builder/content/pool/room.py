"""When the pool's disk takes no more: said once, in one way."""

from __future__ import annotations

import errno
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from builder.errors import HostError

_FULL: Final = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_ADVICE: Final = "make room, or let SATCHEL_CACHE name a directory on a larger disk; what is there is kept"


class PoolFull(HostError):
    """The disk of the pool takes no more."""


@contextmanager
def explained(place: Path) -> Iterator[None]:
    """Work that writes to `place`.

    Raises:
        PoolFull: there is no room.
        HostError: it cannot be written for another reason.
    """
    try:
        yield
    except OSError as error:
        kind = PoolFull if error.errno in _FULL else HostError
        raise kind(f"{place} cannot be written: {error.strerror}", hint=_ADVICE) from error
    except sqlite3.Error as error:
        full = getattr(error, "sqlite_errorcode", None) == sqlite3.SQLITE_FULL
        kind = PoolFull if full else HostError
        raise kind(f"{place} cannot be used: {error}", hint=_ADVICE) from error
