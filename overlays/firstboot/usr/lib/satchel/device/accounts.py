"""Accounts of the device by name."""

from __future__ import annotations

import os
import pwd
from collections.abc import Iterator
from contextlib import contextmanager
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


@contextmanager
def acting_as(name: str) -> Iterator[None]:
    """Touch files as an account would; only root can become somebody else, everybody else stays who they are.

    In directories that belong to a service, links may lead anywhere: whatever is done there is done with its rights.
    """
    uid, gid = ids(name)
    if os.geteuid() != 0 or uid == 0:
        yield
        return
    groups, own_group = os.getgroups(), os.getegid()
    os.setgroups([])
    os.setegid(gid)
    os.seteuid(uid)
    try:
        yield
    finally:
        os.seteuid(0)
        os.setegid(own_group)
        os.setgroups(groups)
