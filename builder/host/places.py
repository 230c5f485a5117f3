"""Where things are kept on this machine."""

from __future__ import annotations

import hashlib
import os
import shutil
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
RECIPES = REPOSITORY / "recipes"
OVERLAYS = REPOSITORY / "overlays"


def cache_directory() -> Path:
    """Everything that can be made again: `$SATCHEL_CACHE`, else the user's cache directory."""
    chosen = os.environ.get("SATCHEL_CACHE")
    if chosen:
        return Path(chosen).absolute()
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "satchel"


def remove_tree(path: Path) -> None:
    """Remove a file, or a directory with everything in it."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink()


def package_digest() -> str:
    """The digest of Satchel's own code."""
    total = hashlib.sha256()
    for path in sorted((REPOSITORY / "builder").rglob("*.py")):
        total.update(f"{path.relative_to(REPOSITORY)}\0".encode() + path.read_bytes())
    return total.hexdigest()
