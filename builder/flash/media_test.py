"""A whole card written and read back, block by block: how much of it is real. It takes as long as the card takes.

Every block of 4 KiB bears a number of this test and its own place. So a block that comes back wrong also tells in which
way: the card lost it, or something that was written elsewhere lies there, because the card begins again at its start.
"""

from __future__ import annotations

import mmap
import secrets
import struct
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from builder.flash.compare import equal
from builder.flash.medium import Medium, MediumError
from builder.units import KIB, MIB

BLOCK: Final = 4 * KIB
_STEP: Final = MIB
_STAMP: Final = struct.Struct("<8sQ")


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What a card is; sizes in bytes, rates in bytes per second."""

    size_bytes: int
    """What it says."""
    tested_bytes: int
    """All of it but for what fills no block."""
    changed_bytes: int
    """What came back as something that nobody wrote."""
    overwritten_bytes: int
    """What came back as something that was written elsewhere."""
    unwritten_bytes: int
    """What could not be written at all."""
    unreadable_bytes: int
    """What did not come back."""
    first_bad: int | None
    """Where the first of these lies."""
    write_rate: float
    read_rate: float

    @property
    def bad_bytes(self) -> int:
        """Everything that did not come back as it was written."""
        return self.changed_bytes + self.overwritten_bytes + self.unwritten_bytes + self.unreadable_bytes

    @property
    def verdict(self) -> str:
        """In words."""
        if self.bad_bytes == 0:
            return "everything that was written came back"
        if self.overwritten_bytes:
            return "it is smaller than it says: what is written to its end lies over its beginning"
        if self.first_bad is not None and self.bad_bytes >= self.tested_bytes - self.first_bad - 16 * MIB:
            return "it is smaller than it says: nothing is kept beyond its real end"
        return "it is worn out: it does not keep what is written"


def test_medium(medium: Medium, *, wrote: Callable[[int], None], read: Callable[[int], None]) -> Found:
    """Write all of a card, and read all of it back. What was on it is lost.

    Args:
        medium: The card.
        wrote: Told how much was written.
        read: Told how much was read back.

    Raises:
        MediumError: nothing can be written to it.
    """
    size = medium.size_bytes - medium.size_bytes % BLOCK
    test = _Test(medium, size)
    began = time.monotonic()
    for offset in range(0, size, _STEP):
        wrote(test.write(offset))
    test.flush()
    between = time.monotonic()
    for offset in range(0, size, _STEP):
        read(test.look_at(offset))
    ended = time.monotonic()
    return Found(
        size_bytes=medium.size_bytes,
        tested_bytes=size,
        changed_bytes=test.changed * BLOCK,
        overwritten_bytes=test.overwritten * BLOCK,
        unwritten_bytes=len(test.unwritten) * BLOCK,
        unreadable_bytes=test.unreadable * BLOCK,
        first_bad=test.first_bad,
        write_rate=size / max(between - began, 1e-6),
        read_rate=size / max(ended - between, 1e-6),
    )


class _Test:
    def __init__(self, medium: Medium, size: int) -> None:
        self._medium, self._size = medium, size
        self._salt = secrets.token_bytes(8)
        self._ours, self._theirs = memoryview(mmap.mmap(-1, _STEP)), memoryview(mmap.mmap(-1, _STEP))
        # Noise between the stamps: a card that packs what it gets must not look larger than it is.
        self._ours[:] = secrets.token_bytes(_STEP)
        self.changed = self.overwritten = self.unreadable = 0
        self.unwritten: set[int] = set()
        """Where the blocks lie that the card did not take."""
        self._ended: MediumError | None = None
        self.first_bad: int | None = None

    def write(self, offset: int) -> int:
        """Write a step; its size."""
        ours = self._expected(offset)
        if self._ended or self._failure(offset, ours):
            self._write_closely(offset, ours)
        return len(ours)

    def _write_closely(self, offset: int, ours: memoryview) -> None:
        """Block by block. A card that takes nothing of a step has come to its end, and is left alone from there on."""
        failure: MediumError | None = None
        for start in range(0, len(ours), BLOCK):
            failure = self._ended or self._failure(offset + start, ours[start : start + BLOCK])
            if failure:
                self.unwritten.add(offset + start)
                self._note(offset + start)
        if failure and all(offset + start in self.unwritten for start in range(0, len(ours), BLOCK)):
            self._ended = failure
            if offset == 0:
                raise failure

    def _failure(self, offset: int, ours: memoryview) -> MediumError | None:
        try:
            self._medium.write(offset, ours)
        except MediumError as error:
            return error
        return None

    def flush(self) -> None:
        """Make everything durable, unless the card said already that it does not."""
        try:
            self._medium.flush()
        except MediumError:
            if not self.unwritten:
                raise

    def look_at(self, offset: int) -> int:
        """Read a step back and judge it; its size."""
        ours = self._expected(offset)
        theirs = self._theirs[: len(ours)]
        try:
            self._medium.read(offset, theirs)
        except MediumError:
            self._look_closely(offset, ours)
            return len(ours)
        if not equal(ours, theirs):
            for start in range(0, len(ours), BLOCK):
                self._judge(offset + start, ours[start : start + BLOCK], theirs[start : start + BLOCK])
        return len(ours)

    def _look_closely(self, offset: int, ours: memoryview) -> None:
        for start in range(0, len(ours), BLOCK):
            theirs = self._theirs[:BLOCK]
            try:
                self._medium.read(offset + start, theirs)
            except MediumError:
                if offset + start not in self.unwritten:
                    self.unreadable += 1
                    self._note(offset + start)
            else:
                self._judge(offset + start, ours[start : start + BLOCK], theirs)

    def _judge(self, offset: int, ours: memoryview, theirs: memoryview) -> None:
        if offset in self.unwritten or equal(ours, theirs):
            return
        salt, place = _STAMP.unpack_from(theirs)
        if salt == self._salt and place != offset:
            self.overwritten += 1
        else:
            self.changed += 1
        self._note(offset)

    def _note(self, offset: int) -> None:
        if self.first_bad is None or offset < self.first_bad:
            self.first_bad = offset

    def _expected(self, offset: int) -> memoryview:
        length = min(_STEP, self._size - offset)
        for start in range(0, length, BLOCK):
            _STAMP.pack_into(self._ours, start, self._salt, offset + start)
        return self._ours[:length]
