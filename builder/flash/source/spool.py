"""The decoded image, kept once for all cards: in memory if it fits, else in a file without a name, which a crash frees.

A card reads whatever is there already and waits only for what is not. So no card waits for another one, one that comes
late finds everything, and comparing what was read back needs no second decoding.
"""

from __future__ import annotations

import mmap
import os
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO, Final

from builder.errors import HostError, SatchelError
from builder.flash.chunk import Chunk
from builder.host.places import cache_directory
from builder.units import format_size

_ROOM: Final = "`satchel cache gc` makes room; SATCHEL_CACHE=DIR takes another disk"
_SHARE: Final = 2
"""The spool takes at most this fraction (one half) of the memory that is free."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Room:
    """Where decoded data lies: an open file."""

    descriptor: int
    in_memory: bool = False
    """It belongs to this process alone, so that nothing can take it away from under a reader."""


class Spool:
    """Chunks of the image, published one after the other by one thread and read by many."""

    def __init__(self, room: Room, chunks: Sequence[Chunk], *, size_bytes: int) -> None:
        self.room = room
        self.chunks = tuple(chunks)
        self.size_bytes = size_bytes
        self._published = 0
        self._zeros: set[int] = set()
        self._error: SatchelError | None = None
        self._changed = threading.Condition()
        self._memory: memoryview | None = None
        if room.in_memory:
            os.ftruncate(room.descriptor, size_bytes)
            self._memory = memoryview(mmap.mmap(room.descriptor, size_bytes))

    def publish(self, chunk: Chunk, *, zero: bool) -> None:
        """The next chunk is there; one of zeros need not be kept."""
        with self._changed:
            if zero:
                self._zeros.add(chunk.index)
            self._published = chunk.index + 1
            self._changed.notify_all()

    def fail(self, error: SatchelError) -> None:
        """Nothing more will come."""
        with self._changed:
            self._error = error
            self._changed.notify_all()

    @property
    def failure(self) -> SatchelError | None:
        """Why it will never be complete."""
        return self._error

    @property
    def complete(self) -> bool:
        """Whether everything is there."""
        return self._published == len(self.chunks)

    def has(self, chunk: Chunk, *, within_s: float) -> bool:
        """Wait a while for a chunk; whether it is there.

        Raises:
            SatchelError: it will never be.
        """
        with self._changed:
            self._changed.wait_for(lambda: self._error or self._published > chunk.index, timeout=within_s)
            if self._published > chunk.index:
                return True
            if self._error:
                raise self._error
            return False

    def is_zero(self, chunk: Chunk) -> bool:
        """Whether a chunk that is there has nothing but zeros."""
        return chunk.index in self._zeros

    def write(self, offset: int, data: memoryview) -> None:
        """Keep decoded data."""
        done = 0
        while done < len(data):
            try:
                done += os.pwrite(self.room.descriptor, data[done:], offset + done)
            except OSError as error:
                raise HostError(f"the unpacked image cannot be kept: {error.strerror}", hint=_ROOM) from error

    def in_memory(self, start: int, end: int) -> memoryview | None:
        """A part of the image where it lies, or shall lie, in memory; to be written to only by whoever unpacks it.

        None where it lies elsewhere: a file could be cut short meanwhile, and touching what is no more would end the
        process.
        """
        return self._memory[start:end] if self._memory else None

    def read(self, offset: int, into: memoryview) -> None:
        """Fill a buffer from the image. What was never written reads as zeros."""
        done = 0
        while done < len(into):
            count = os.preadv(self.room.descriptor, [into[done:]], offset + done)
            if count == 0:
                into[done:] = bytes(len(into) - done)
                return
            done += count


@contextmanager
def room_for(size_bytes: int | None) -> Iterator[Room]:
    """A place for this much decoded data, or for nobody knows how much; what is kept there is gone afterwards.

    Raises:
        HostError: there is no room.
    """
    in_memory = size_bytes is not None and size_bytes <= _free_memory() // _SHARE
    with _in_memory() if in_memory else _on_disk(size_bytes or 0) as file:
        yield Room(descriptor=file.fileno(), in_memory=in_memory)


def _in_memory() -> IO[bytes]:
    return os.fdopen(os.memfd_create("satchel-spool", os.MFD_CLOEXEC), "w+b")


def _on_disk(size_bytes: int) -> IO[bytes]:
    directory = cache_directory() / "tmp"
    directory.mkdir(parents=True, exist_ok=True)
    _require(directory, size_bytes)
    return TemporaryFile(dir=directory)


def _require(directory: Path, size_bytes: int) -> None:
    facts = os.statvfs(directory)
    free = facts.f_bavail * facts.f_frsize
    if free < size_bytes:
        raise HostError(
            f"unpacked, the image needs {format_size(size_bytes)}, and {directory} has {format_size(free)} free",
            hint=_ROOM,
        )


def _free_memory() -> int:
    lines = Path("/proc/meminfo").read_text(encoding="ascii").splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("MemAvailable:"))
