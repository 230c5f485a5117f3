"""Writing a seed into its place, and proving that the medium has it."""

from __future__ import annotations

import errno
import mmap
import os
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Final

from builder.errors import ArtifactError, SatchelError
from builder.identity.place import Run, SeedPlace, is_device

_BLOCK: Final = 4096
"""Unbuffered reads begin and end at multiples of this on every disk."""


class SeedNotWritten(SatchelError):
    """The medium does not hold what was written to it."""


def write_place(place: SeedPlace, data: bytes) -> None:
    """Write over a place, make it durable, read it from the medium again and compare.

    `data` may be longer than the place if what is too much are empty lines.

    Raises:
        ArtifactError: the card is in use or may not be written.
        SeedNotWritten: it does not fit, or the medium returns something else.
    """
    text = data.rstrip(b"\n") + b"\n"
    if len(text) > place.size_bytes:
        raise SeedNotWritten(
            f"{place.target}: the seed needs {len(text):,} bytes, and its file has only {place.size_bytes:,}",
            hint="somebody shortened it on another computer: edit it there, or flash the card again",
        )
    whole = text.ljust(place.size_bytes, b"\n")
    with _opened_for_writing(place) as descriptors:
        for stage in stages(place.data, whole):
            for run, part in _parts(place.runs, stage):
                _write_all(descriptors[run.path], part, run.offset_bytes)
            for descriptor in descriptors.values():
                os.fsync(descriptor)
        for run, part in _parts(place.runs, whole):
            if _read_from_medium(run, descriptors[run.path]) != part:
                raise SeedNotWritten(
                    f"{place.target} does not return what was written to it",
                    hint="use another card: this one is worn out or pretends to be larger than it is",
                )


def stages(before: bytes, after: bytes) -> Iterator[bytes]:
    """What is made durable one after the other, so that no cut leaves a seed with lines of both or with holes.

    A seed is believed by its last line only: the old one goes first, the new one comes last, and a disk writes a sector
    whole or not at all.
    """
    yield _without_last_line(before)
    yield _without_last_line(after)
    yield after


def _without_last_line(data: bytes) -> bytes:
    text = data.rstrip(b"\r\n")
    return text[: text.rfind(b"\n") + 1].ljust(len(data), b"\n")


@contextmanager
def _opened_for_writing(place: SeedPlace) -> Iterator[dict[Path, int]]:
    """A descriptor for each file. A device is opened exclusively: the kernel refuses one that is mounted or in use."""
    with ExitStack() as stack:
        descriptors: dict[Path, int] = {}
        for path in {run.path for run in place.runs}:
            exclusively = os.O_EXCL if is_device(path) else 0
            try:
                descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC | exclusively)
            except OSError as error:
                busy = error.errno == errno.EBUSY
                raise ArtifactError(
                    f"{path} is in use: a partition of it is mounted" if busy else f"{path}: {error.strerror}",
                    hint=f"unmount what is mounted: findmnt | grep {path}" if busy else None,
                ) from error
            stack.callback(os.close, descriptor)
            descriptors[path] = descriptor
        yield descriptors


def _parts(runs: Sequence[Run], data: bytes) -> Iterator[tuple[Run, bytes]]:
    at = 0
    for run in runs:
        yield run, data[at : at + run.size_bytes]
        at += run.size_bytes


def _write_all(descriptor: int, data: bytes, offset: int) -> None:
    rest = memoryview(data)
    while rest:
        written = os.pwrite(descriptor, rest, offset)
        rest, offset = rest[written:], offset + written


def _read_from_medium(run: Run, descriptor: int) -> bytes:
    """What lies there, past the kernel's memory of it where that is possible."""
    first = run.offset_bytes // _BLOCK * _BLOCK
    length = -(-(run.offset_bytes + run.size_bytes - first) // _BLOCK) * _BLOCK
    os.posix_fadvise(descriptor, first, length, os.POSIX_FADV_DONTNEED)
    skip = slice(run.offset_bytes - first, run.offset_bytes - first + run.size_bytes)
    with mmap.mmap(-1, length) as memory:
        try:
            direct = os.open(run.path, os.O_RDONLY | os.O_DIRECT | os.O_CLOEXEC)
        except OSError:
            # A file system in memory, such as tmpfs, has no other copy.
            return os.pread(descriptor, run.size_bytes, run.offset_bytes)
        try:
            os.preadv(direct, [memory], first)
        finally:
            os.close(direct)
        return memory[skip]
