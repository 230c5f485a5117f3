"""What an interrupted first boot must not leave behind: unfinished files, and the password in the wrong place."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path

from device import files, keepsake
from device.paths import Paths
from device.settings import Settings
from seed import document

_PLACES = ("/boot", "/etc", "/home", "/root", "/run", "/srv", "/tmp", "/var")
_SKIPPED = ("/var/cache", "/var/lib/apt", "/var/lib/dpkg")
"""Nothing of first boot writes there, and reading it would take longest."""

_PROVISION = "satchel-provision"
"""The directory of the provisioning file, which holds the password."""


def leftovers(paths: Paths, settings: Settings | None) -> list[str]:
    """A sentence for each; nothing when all is clean. Without settings no place is one for a keepsake."""
    password = (files.read(paths.admin_password) or "").encode()
    rightful = {paths.admin_password, paths.issue, settings and keepsake.place(paths, settings)}
    found = []
    for path in _new_entries(paths):
        if _is_unfinished(path):
            found.append(f"{path} is left from unfinished work")
        elif password and path not in rightful and _holds(path, password):
            found.append(f"{path} holds the administrator's password")
    return [*found, *_told_secrets(paths)]


def _told_secrets(paths: Paths) -> Iterator[str]:
    """The seed on the card, whenever it was written, and the device's own copy of it."""
    if paths.seed.exists():
        yield f"{paths.seed} is left from first boot"
    for path in sorted(paths.at("/boot").rglob(document.FILE)):
        try:
            seed = document.parse(path.read_bytes())
        except (OSError, document.SeedError) as error:
            yield f"{path} cannot be read: {error}"
            continue
        if seed and document.has_secrets(seed):
            yield f"{path} still holds the secrets of the seed"


def _is_unfinished(path: Path) -> bool:
    """Names that first boot gives to what is not finished: those of `files.write`, of scratch directories."""
    name = path.name
    scratch = name.startswith(".satchel-") and path.is_dir()
    return scratch or name == _PROVISION or (name.startswith(".") and name.endswith(".new"))


def _new_entries(paths: Paths) -> Iterator[Path]:
    """Everything in the places where first boot may write that is younger than the image."""
    if not paths.settings.exists():
        return
    born = paths.settings.stat().st_mtime
    skipped = {paths.at(place) for place in _SKIPPED}
    for place in _PLACES:
        for directory, names, file_names in os.walk(paths.at(place)):
            here = Path(directory)
            names[:] = [name for name in names if here / name not in skipped and not _read_only(here / name)]
            for name in (*names, *file_names):
                path = here / name
                try:
                    if path.lstat().st_mtime > born:
                        yield path
                except OSError:
                    continue


def _read_only(directory: Path) -> bool:
    """Whether a directory lies on a file system that nobody can write to: that of the content."""
    try:
        return bool(os.statvfs(directory).f_flag & os.ST_RDONLY)
    except OSError:
        return True


def _holds(path: Path, secret: bytes) -> bool:
    try:
        return stat.S_ISREG(path.lstat().st_mode) and secret in path.read_bytes()
    except OSError:
        return False
