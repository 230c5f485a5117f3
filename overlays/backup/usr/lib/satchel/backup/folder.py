"""Backups in a directory: of a disk, or of a stick that is mounted."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from backup import manifest
from device import files

_UNFINISHED = ".*.new"
"""What `files.unfinished` makes of a name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Folder:
    """See `Shelf`: a directory for each backup, which has another name until it is finished."""

    top: Path
    device: str

    @property
    def _own(self) -> Path:
        return self.top / self.device

    def devices(self) -> list[str]:
        """See `Shelf`."""
        found = self.top.iterdir() if self.top.is_dir() else ()
        return sorted(path.name for path in found if any(map(_is_backup, path.glob("*"))))

    def names(self) -> list[str]:
        """See `Shelf`."""
        return sorted(path.name for path in self._own.glob("*") if _is_backup(path))

    def sizes(self, name: str) -> dict[str, int]:
        """See `Shelf`."""
        return {path.name: path.stat().st_size for path in (self._own / name).iterdir()}

    def sweep(self) -> None:
        """See `Shelf`."""
        for path in self._own.glob(_UNFINISHED):
            shutil.rmtree(path)

    def begin(self, name: str) -> str:
        """See `Shelf`."""
        place = files.unfinished(self._own / name)
        place.mkdir(mode=0o700, parents=True)
        return place.name

    @contextmanager
    def writing(self, place: str, file: str) -> Iterator[BinaryIO]:
        """See `Shelf`."""
        descriptor = os.open(self._own / place / file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with open(descriptor, "wb", buffering=0) as stream:
            yield stream
            os.fsync(descriptor)

    @contextmanager
    def reading(self, place: str, file: str) -> Iterator[BinaryIO]:
        """See `Shelf`."""
        with (self._own / place / file).open("rb") as stream:
            # What was just written would come from memory, and prove nothing about the disk.
            os.posix_fadvise(stream.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
            yield stream

    def publish(self, place: str, name: str) -> None:
        """See `Shelf`."""
        files.sync_directory(self._own / place)
        (self._own / place).rename(self._own / name)
        files.sync_directory(self._own)
        files.sync_directory(self.top)

    def remove(self, name: str) -> None:
        """See `Shelf`."""
        doomed = files.unfinished(self._own / name)
        (self._own / name).rename(doomed)
        files.sync_directory(self._own)
        shutil.rmtree(doomed)


def _is_backup(path: Path) -> bool:
    return manifest.is_name(path.name) and path.is_dir()
