"""Where the bytes of a file lie: in a file of its own, or somewhere inside the image of a disk."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from builder.errors import ArtifactError
from builder.units import MIB

_STEP: Final = MIB


@dataclass(frozen=True, slots=True)
class Span:
    """`length` bytes from byte `start` of what holds them; zeros that are stored nowhere if `start` is None."""

    start: int | None
    length: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Stored:
    """A file's bytes, as spans of the file `path`."""

    path: Path
    spans: tuple[Span, ...]

    @property
    def size(self) -> int:
        """Bytes in it."""
        return sum(span.length for span in self.spans)

    def part(self, start: int, length: int) -> Iterator[Span]:
        """The spans of `length` bytes from byte `start`."""
        end, at = start + length, 0
        for span in self.spans:
            first, last = max(start, at), min(end, at + span.length)
            if first < last:
                yield Span(None if span.start is None else span.start + first - at, last - first)
            at += span.length

    def open(self) -> int:
        """A descriptor of what holds it. A link that took its place is not followed.

        Raises:
            OSError: it is not there any more, or may not be read.
        """
        return os.open(self.path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)

    def chunks(self) -> Iterator[bytes]:
        """Its bytes, a MiB at a time at most.

        Raises:
            ArtifactError: it cannot be read, or is shorter than it was.
        """
        try:
            descriptor = self.open()
        except OSError as error:
            raise ArtifactError(f"{self.path}: {error.strerror}") from error
        try:
            for span in self.spans:
                for done in range(0, span.length, _STEP):
                    yield _read(descriptor, span, done, min(_STEP, span.length - done))
        except OSError as error:
            raise ArtifactError(f"{self.path} cannot be read: {error.strerror}") from error
        finally:
            os.close(descriptor)

    def md5(self) -> str:
        """The MD5 of its bytes, all of which are read.

        Raises:
            ArtifactError: it cannot be read.
        """
        digest = hashlib.md5(usedforsecurity=False)
        for chunk in self.chunks():
            digest.update(chunk)
        return digest.hexdigest()


def _read(descriptor: int, span: Span, done: int, count: int) -> bytes:
    if span.start is None:
        return bytes(count)
    data = os.pread(descriptor, count, span.start + done)
    if len(data) != count:
        raise OSError(0, "it is cut short")
    return data
