"""Files that are the old one or the new one, whenever somebody looks or the power goes out."""

from __future__ import annotations

import ctypes
import os
from contextlib import suppress
from pathlib import Path
from tempfile import NamedTemporaryFile


def write_whole(path: Path, data: bytes, *, mode: int) -> None:
    """Write a file; one that was there keeps its owner, and its place behind a symbolic link.

    Raises:
        OSError: it cannot be written; then the old one stands.
    """
    target = path.resolve()
    with NamedTemporaryFile("wb", dir=target.parent, prefix=f".{target.name}.", delete=False) as file:
        unfinished = Path(file.name)
        try:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
            with suppress(FileNotFoundError, PermissionError):
                old = target.stat()
                os.fchown(file.fileno(), old.st_uid, old.st_gid)
            # Only now: a temporary file is its owner's alone, and a change of owner may take bits away.
            unfinished.chmod(mode)
            unfinished.rename(target)
        except BaseException:
            unfinished.unlink(missing_ok=True)
            raise


def write_out(directory: Path) -> None:
    """Wait until everything on the file system of `directory` is on its disk: a power cut leaves nothing empty."""
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        # Not os.sync(): other disks and their writers are none of our business.
        if ctypes.CDLL(None, use_errno=True).syncfs(descriptor) != 0:
            code = ctypes.get_errno()
            raise OSError(code, os.strerror(code), os.fspath(directory))
    finally:
        os.close(descriptor)
