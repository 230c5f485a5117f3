"""The secrets of this device: a file for each, for root only, beside the data that may depend on it."""

from __future__ import annotations

import stat
from pathlib import Path

from device import files
from device.errors import DeviceError
from device.paths import Paths

_PRIVATE_DIRECTORY, _PRIVATE = 0o700, 0o600


def settle(paths: Paths, *, keep: str | None) -> None:
    """Make the directory of secrets, on the partition with mount point `keep` if there is one, and the link to it."""
    place = paths.at(f"{keep.rstrip('/')}/secrets" if keep else "/var/lib/satchel/secrets")
    place.mkdir(mode=_PRIVATE_DIRECTORY, parents=True, exist_ok=True)
    place.chmod(_PRIVATE_DIRECTORY)
    target = Path("/", place.relative_to(paths.root))
    if paths.secrets.is_symlink() and paths.secrets.readlink() == target:
        return
    paths.secrets.parent.mkdir(parents=True, exist_ok=True)
    made = files.unfinished(paths.secrets)
    made.unlink(missing_ok=True)
    made.symlink_to(target)
    made.rename(paths.secrets)
    files.sync_directory(paths.secrets.parent)


def write(paths: Paths, name: str, value: str) -> None:
    """Keep a secret."""
    files.write(_file(paths, name), f"{value}\n", mode=_PRIVATE)


def read(paths: Paths, name: str) -> str:
    """The one line of a secret.

    Raises:
        DeviceError: it is missing, or others can read it.
    """
    found = known(paths, name)
    if found is None:
        raise DeviceError(f"the secret {name} is missing", advice=f"Write it to {paths.secrets / name}, for root only.")
    return found


def known(paths: Paths, name: str) -> str | None:
    """The one line of a secret, if it is there.

    Raises:
        DeviceError: others can read it.
    """
    path = _file(paths, name)
    try:
        mode = path.stat().st_mode
    except FileNotFoundError:
        return None
    if mode & (stat.S_IRWXG | stat.S_IRWXO):
        raise DeviceError(
            f"{paths.secrets / name} can be read by others than root, so it is no secret any more",
            advice=f"Put another secret there, then: chmod 600 {paths.secrets / name}",
        )
    return files.read(path)


def _file(paths: Paths, name: str) -> Path:
    """Below the root that everything hangs from, which the link does not know."""
    link = paths.secrets
    return paths.at(str(link.readlink())) / name if link.is_symlink() else link / name
