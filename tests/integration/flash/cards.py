"""Cards for the flasher: loop devices on plain files, and on files that fail."""

from __future__ import annotations

import fcntl
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pytest

from .sick import NAME

_LOOP_CTL_REMOVE: Final = 0x4C81
"""From <linux/loop.h>."""


def require_loops() -> None:
    """Skip where a test can have no loop device, and say why."""
    if os.geteuid() != 0:
        pytest.skip("loop devices are for root")
    if subprocess.run(("losetup", "--find"), capture_output=True, check=False).returncode:
        pytest.skip("no loop device is free")


def require_fuse() -> None:
    """Skip where a test can have no file system in user space."""
    require_loops()
    if not os.access("/dev/fuse", os.R_OK | os.W_OK):
        pytest.skip("there is no /dev/fuse")


@dataclass(frozen=True)
class LoopCard:
    """A card: the device, and the file with what really lies on it."""

    device: str
    backing: Path

    @property
    def data(self) -> bytes:
        """What lies on it."""
        return self.backing.read_bytes()


@contextmanager
def loop(backing: Path, *options: str, file: Path | None = None) -> Iterator[LoopCard]:
    """A loop device on a file."""
    attach = ("losetup", "--find", "--show", "--direct-io=on", *options, str(file or backing))
    device = subprocess.run(attach, capture_output=True, text=True, check=True).stdout.strip()
    try:
        yield LoopCard(device, backing)
    finally:
        subprocess.run(("losetup", "--detach", device), check=True)


@contextmanager
def empty_slot() -> Iterator[str]:
    """A loop device with nothing in it, of a number that nobody is given who asks for a free one.

    What a station watches must be nobody else's: whatever is put there, it writes over.
    """
    number = 1000 + os.getpid() % 10_000
    try:
        yield f"/dev/loop{number}"
    finally:
        subprocess.run(("losetup", "--detach", f"/dev/loop{number}"), check=True)
        control = os.open("/dev/loop-control", os.O_RDWR)
        try:
            fcntl.ioctl(control, _LOOP_CTL_REMOVE, number)
        finally:
            os.close(control)


def blank(path: Path, size: int) -> Path:
    """A used card: nothing on it is zero."""
    with path.open("wb") as file:
        for _ in range(size >> 20):
            file.write(b"\xa5" * (1 << 20))
    return path


@contextmanager
def sick(backing: Path, fault: str, value: int) -> Iterator[LoopCard]:
    """A loop device on a card that fails."""
    mount = backing.with_suffix(".mount")
    mount.mkdir()
    module = "tests.integration.flash.sick"
    process = subprocess.Popen(
        (sys.executable, "-m", module, mount, backing, fault, str(value)), stderr=subprocess.DEVNULL
    )
    try:
        while not (mount / NAME).exists():
            assert process.poll() is None, "the file system did not start"
            time.sleep(0.02)
        with loop(backing, file=mount / NAME) as card:
            yield card
    finally:
        # A thread that hangs in the flasher may hold the device for a while.
        while subprocess.run(("umount", mount), capture_output=True, check=False).returncode and process.poll() is None:
            time.sleep(0.2)
        process.wait()
