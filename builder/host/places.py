"""Where things are kept on this machine."""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
RECIPES = REPOSITORY / "recipes"
OVERLAYS = REPOSITORY / "overlays"


_instead: list[Path] = []


def cache_directory() -> Path:
    """Everything that can be made again: `$SATCHEL_CACHE`, else the user's cache directory."""
    if _instead:
        return _instead[-1]
    chosen = os.environ.get("SATCHEL_CACHE")
    if chosen:
        return Path(chosen).absolute()
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "satchel"


@contextmanager
def separate_cache(room: Path, *, shared: Iterable[str]) -> Iterator[None]:
    """An empty cache in `room` until the block ends, but for these directories of the real one."""
    real = cache_directory()
    for name in shared:
        (real / name).mkdir(parents=True, exist_ok=True)
        (room / name).symlink_to(real / name)
    _instead.append(room)
    try:
        yield
    finally:
        _instead.pop()


def remove_tree(path: Path) -> None:
    """Remove a file, or a directory with everything in it."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink()


def code_below(*names: str) -> str:
    """The digest of Satchel's own code: all files of the modules and rooms of these names below `builder/`."""
    total = hashlib.sha256()
    package = REPOSITORY / "builder"
    for name in names:
        path = package / name
        for file in sorted(path.rglob("*")) if path.is_dir() else [path]:
            if file.is_file() and "__pycache__" not in file.parts:
                total.update(f"{file.relative_to(package)}\0".encode() + hashlib.sha256(file.read_bytes()).digest())
    return total.hexdigest()
