"""What the audit has to know besides the image itself: what was declared, and what betrays the build host."""

from __future__ import annotations

import os
import pwd
import socket
from dataclasses import dataclass
from pathlib import Path

from builder.recipe.disk import Board
from builder.recipe.software import Architecture


@dataclass(frozen=True, slots=True, kw_only=True)
class BuildHost:
    """The machine that built: its name, and directories of it that no device has."""

    name: str = ""
    directories: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class BoardFirmware:
    """Where on the device the firmware of Raspberry Pi boards lies, and which boards must start from it."""

    place: str
    boards: tuple[Board, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What is known about an image. All paths are absolute and on the device."""

    build_host: BuildHost = BuildHost()
    """Nothing for images of others: this machine did not build them."""
    authorized_keys: tuple[str, ...] = ()
    """Public SSH keys that the recipe declares."""
    kolibri_homes: tuple[str, ...] = ()
    """Kolibri homes that must be sealed; others, such as a copy for first boot, are found by their files."""
    bulk: tuple[str, ...] = ()
    """Directories that are not looked into: content files named by their hash, by the hundred gigabytes."""
    files: tuple[str, ...] = ()
    """Directories of plain files. Only small ones are read: a secret is small, and the rest may have any size. Of a
    finished image none are."""
    secrets: tuple[str, ...] = ()
    """Texts that must not occur in any file."""
    architecture: Architecture | None = None
    """The processor that the programs are for, if that is known."""
    board_firmware: BoardFirmware | None = None
    """Of a finished image for such boards; the tree that it is made of has none yet."""


def this_host(*directories: Path) -> BuildHost:
    """This machine as the build host; `directories` are where the build worked, such as its cache."""
    account = pwd.getpwuid(os.getuid())
    own = () if account.pw_uid == 0 else (account.pw_dir,)
    return BuildHost(name=socket.gethostname(), directories=(*map(os.fspath, directories), *own))
