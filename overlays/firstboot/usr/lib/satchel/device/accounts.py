"""Accounts of the device by name."""

from __future__ import annotations

import os
import pwd
from pathlib import Path

from device.errors import DeviceError


def ids(name: str) -> tuple[int, int]:
    """User and group id of an account.

    Raises:
        DeviceError: there is no such account.
    """
    try:
        entry = pwd.getpwnam(name)
    except KeyError as error:
        raise DeviceError(f"there is no account {name}", advice="Flash the device again.") from error
    return entry.pw_uid, entry.pw_gid


def give(name: str, *paths: Path) -> None:
    """Make an account the owner of files."""
    for path in paths:
        os.chown(path, *ids(name), follow_symlinks=False)
