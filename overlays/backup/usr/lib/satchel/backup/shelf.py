"""The place of one device's backups on a target, whatever kind of target that is."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Protocol

from backup import manifest
from backup.manifest import Manifest
from backup.pipes import Readable, Writable
from device.errors import DeviceError


class Absent(DeviceError):
    """A target is not there now, as may be with what is plugged in."""


class Shelf(Protocol):
    """What every kind can do. A backup that is being made lies at a place of which nobody takes it for one."""

    def devices(self) -> list[str]:
        """All devices with backups on this target, by their host names."""

    def names(self) -> list[str]:
        """The finished backups of this device, the oldest first."""

    def sizes(self, name: str) -> dict[str, int]:
        """The sizes of the files of a finished backup."""

    def sweep(self) -> None:
        """Remove what was left unfinished. Nobody else may be at work here."""

    def begin(self, name: str) -> str:
        """A place to make a backup at."""

    def writing(self, place: str, file: str) -> AbstractContextManager[Writable]:
        """A new file; left without an error, it is there for good."""

    def reading(self, place: str, file: str) -> AbstractContextManager[Readable]:
        """A file, as it lies on the target and not in memory; a finished backup's place is its name."""

    def publish(self, place: str, name: str) -> None:
        """Give a backup its name. All of its files are there, the manifest was the last."""

    def remove(self, name: str) -> None:
        """Remove a finished backup; at no moment does a part of it look like all of it."""


def manifest_of(shelf: Shelf, name: str) -> Manifest:
    """What a finished backup holds.

    Raises:
        ManifestError: it is damaged.
    """
    with shelf.reading(name, manifest.FILE) as stream:
        text = b""
        while data := stream.read(1 << 20):
            text += data
    return manifest.parse(text)
