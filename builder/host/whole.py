"""Files that are the old one or the new one, whenever somebody looks or the power goes out."""

from __future__ import annotations

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
