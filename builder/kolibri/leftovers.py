"""Remove what a used Kolibri home has besides its databases and its content."""

from __future__ import annotations

import shutil
from pathlib import Path

from builder.kolibri.traces import LEFTOVERS, half_done


def remove_leftovers(home: Path) -> None:
    """Remove the files that a used home has and a sealed one has not; databases are left alone."""
    for path in (*(home / name for name in LEFTOVERS), *half_done(home)):
        remove(path)


def remove(path: Path) -> None:
    """Remove a file, or a directory with all that is in it, if it is there."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
