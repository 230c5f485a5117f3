"""Content goes from the stick to the disk: every file whole and as promised, or not there.

A file is written to a temporary name and hashed meanwhile: what counts is what arrived, not what an earlier look at the
stick saw. A batch of them becomes durable at once, since a card is slow to flush, and is then renamed into place. The
list of what was verified lets the next try do without reading it again. Nothing of this is visible: Kolibri shows what
its database knows.
"""

from __future__ import annotations

import ctypes
import hashlib
import os
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import BinaryIO

from device import accounts, files
from device.errors import DeviceError
from stick.manifest import ContentFile, Stored
from stick.outcome import Refused, Removed
from stick.places import Places

Advance = Callable[[int], None]

_PIECE = 1024 * 1024
_BATCH_BYTES = 64 * 1024 * 1024
_BATCH_FILES = 256
_SHOWN = 8
_libc = ctypes.CDLL(None, use_errno=True)


class Spoiled(Exception):
    """What is on the stick is not what was promised."""


class Stick:
    """The mounted stick, which may vanish at any moment."""

    def __init__(self, top: Path, *, present: Callable[[], bool]) -> None:
        """`present` tells whether it is still plugged in."""
        self._top = top
        self._present = present

    def read(self, name: str, *, largest: int) -> bytes | None:
        """A small file, in one go; nothing when it is not there.

        Raises:
            Removed: the stick is gone.
            Refused: it cannot be read, or is larger than it may be.
        """
        try:
            with (self._top / name).open("rb") as file:
                data = file.read(largest + 1)
        except FileNotFoundError:
            self.require_present()
            return None
        except OSError as error:
            self.require_present()
            raise Refused(f"{name} on the stick cannot be read: {error}", advice="Try another stick.") from error
        if len(data) > largest:
            raise Refused(f"{name} on the stick is too large", advice="Make the stick again.")
        return data

    def require_present(self) -> None:
        """Insist that it is still there.

        Raises:
            Removed: it is gone.
        """
        if not self._present():
            raise Removed

    def copy(self, name: str, promised: Stored, target: Path, *, user: str, advance: Advance) -> None:
        """Copy a file as `user`, who then owns it. It is not durable yet.

        Raises:
            Spoiled: it is not what was promised; there is no target then.
            Removed: the stick is gone.
            OSError: the target cannot be written.
        """
        try:
            source = (self._top / name).open("rb", buffering=0)
        except OSError as error:
            self.require_present()
            raise Spoiled(f"{name}: {error.strerror}") from error
        with source:
            with accounts.acting_as(user):
                target.unlink(missing_ok=True)
                copy = target.open("xb")
            # Once both are open nobody's rights matter, and whoever counts may be root again.
            try:
                with copy:
                    self._pour(name, source, promised, copy, advance)
            except BaseException:
                with accounts.acting_as(user):
                    target.unlink(missing_ok=True)
                raise

    def _pour(self, name: str, source: BinaryIO, promised: Stored, copy: BinaryIO, advance: Advance) -> None:
        digest, left = hashlib.sha256(), promised.size
        while left:
            try:
                piece = source.read(min(_PIECE, left))
            except OSError as error:
                self.require_present()
                raise Spoiled(f"{name}: {error.strerror}") from error
            if not piece:
                self.require_present()
                raise Spoiled(f"{name}: it is too short")
            digest.update(piece)
            copy.write(piece)
            left -= len(piece)
            advance(len(piece))
        if digest.hexdigest() != promised.sha256:
            # A stick that is pulled out can give zeros before it gives errors.
            self.require_present()
            raise Spoiled(f"{name}: its bytes are not those that were signed")


def prepare(places: Places) -> None:
    """Make our own places; what an earlier try has not finished goes."""
    places.state.mkdir(mode=0o711, exist_ok=True)
    for directory in (places.incoming, places.staging):
        shutil.rmtree(directory, ignore_errors=True)
        directory.mkdir(mode=0o700)
        accounts.give(places.kolibri.user, directory)


def missing(wanted: Sequence[ContentFile], places: Places, advance: Advance) -> tuple[ContentFile, ...]:
    """The files that have to be copied. Those on the read-only partition were verified when the image was made."""
    verified = set((files.read(places.verified) or "").split())
    found, proved = [], []
    for file in wanted:
        here = places.content / file.path
        if _size(places.preloaded / file.path) == file.size or (file.name in verified and _size(here) == file.size):
            advance(file.size)
        elif _size(here) == file.size and _is(here, file):
            advance(file.size)
            proved.append(file)
        else:
            found.append(file)
    _note(places, proved)
    return tuple(found)


def copy(wanted: Sequence[ContentFile], stick: Stick, places: Places, advance: Advance) -> None:
    """Copy files into Kolibri's storage. All are tried, so that all that are spoiled can be named.

    Raises:
        Refused: some are spoiled.
        Removed: the stick is gone.
        DeviceError: the disk cannot be written.
    """
    spoiled: list[str] = []
    batch: list[ContentFile] = []
    try:
        for file in wanted:
            name, target = f"content/{file.path}", places.incoming / file.name
            try:
                stick.copy(name, file, target, user=places.kolibri.user, advance=advance)
            except Spoiled as error:
                spoiled.append(str(error))
                continue
            batch.append(file)
            if len(batch) >= _BATCH_FILES or sum(each.size for each in batch) >= _BATCH_BYTES:
                _settle(batch, places)
                batch.clear()
        _settle(batch, places)
    except OSError as error:
        advice = "The disk may be full or failing. Nothing has changed yet."
        raise DeviceError(f"content cannot be written: {error}", advice=advice) from error
    if spoiled:
        raise damaged(spoiled)


def damaged(spoiled: Sequence[str]) -> Refused:
    """The refusal of a stick with these spoiled files."""
    more = [f"and {len(spoiled) - _SHOWN} more"] if len(spoiled) > _SHOWN else []
    reason = "\n  ".join(("the stick is damaged:", *spoiled[:_SHOWN], *more))
    return Refused(reason, advice="Make the stick again, or use another one. What was right is kept.")


def make_durable(place: Path) -> None:
    """Flush the file system that a path lies on, and hear of every failure since (syncfs(2), Linux 5.8).

    Raises:
        OSError: something could not be written.
    """
    descriptor = os.open(place, os.O_RDONLY)
    try:
        if _libc.syncfs(descriptor):
            number = ctypes.get_errno()
            raise OSError(number, os.strerror(number))
    finally:
        os.close(descriptor)


def _settle(batch: Sequence[ContentFile], places: Places) -> None:
    if not batch:
        return
    with accounts.acting_as(places.kolibri.user):
        make_durable(places.incoming)
        for file in batch:
            target = places.content / file.path
            target.parent.mkdir(parents=True, exist_ok=True)
            (places.incoming / file.name).rename(target)
    _note(places, batch)


def _note(places: Places, proved: Sequence[ContentFile]) -> None:
    """Without a flush: a line that outlives its file is seen by the file's absence, and a lost one costs a reading."""
    with places.verified.open("a", encoding="ascii") as file:
        file.writelines(f"{each.name}\n" for each in proved)


def _size(path: Path) -> int | None:
    try:
        return path.stat().st_size
    except OSError:
        return None


def _is(path: Path, promised: Stored) -> bool:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest() == promised.sha256
    except OSError:
        return False
