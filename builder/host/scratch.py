"""Room for unfinished work: directories that their makers hold locked, so that what killed runs left is known."""

from __future__ import annotations

import fcntl
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import mkdtemp


@contextmanager
def scratch(parent: Path, prefix: str) -> Iterator[Path]:
    """A new directory below `parent`, held locked; removed at the end unless it was renamed."""
    parent.mkdir(parents=True, exist_ok=True)
    path = Path(mkdtemp(prefix=prefix, dir=parent))
    path.chmod(0o755)
    descriptor = os.open(path, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield path
    finally:
        os.close(descriptor)
        if path.exists():
            shutil.rmtree(path)


def sweep(parent: Path, prefix: str = "") -> None:
    """Remove every directory below `parent` whose name begins with `prefix` and that nobody holds."""
    if not parent.is_dir():
        return
    for path in parent.iterdir():
        if not path.name.startswith(prefix):
            continue
        descriptor = os.open(path, os.O_RDONLY)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            continue
        else:
            shutil.rmtree(path)
        finally:
            os.close(descriptor)
