"""One hand on one card: puts pieces of the image on it, with the card's own bytes laid over, and compares.

A piece is a chunk of the image, or the tail: the last MiB of a card that is larger than the image, where only the
second copy of the partition table may lie.
"""

from __future__ import annotations

import mmap
import threading
from typing import Final

from builder.disk.extents import Extent
from builder.flash.card_plan import ENDS, TAIL
from builder.flash.chunk import CHUNK, Chunk
from builder.flash.compare import equal, first_difference
from builder.flash.medium import Medium, MediumError
from builder.flash.overlay import Patch, lay_over, touches
from builder.flash.pulse import Interrupted, Pulse
from builder.flash.source.spool import Spool
from builder.units import MIB, align_up

_DISCARD_STEP: Final = 256 * MIB
_LOOK_S: Final = 0.2
_TRIES: Final = 3
"""How often a piece that differs is read before the card is given up: readers hiccup, cards do not get better."""


class Pen:
    """Used by the card's own thread."""

    def __init__(self, medium: Medium, spool: Spool, pulse: Pulse, cancelled: threading.Event) -> None:
        self.medium = medium
        self._spool, self._pulse, self._cancelled = spool, pulse, cancelled
        # Anonymous memory begins at a page, as direct access wants it.
        self.ours, self.theirs = memoryview(mmap.mmap(-1, CHUNK)), memoryview(mmap.mmap(-1, CHUNK))
        self.patches: tuple[Patch, ...] = ()
        """The card's own bytes."""

    def head_of_image(self) -> bytes:
        """The beginning of the image, if its first chunk lies there."""
        first = self._spool.chunks[0]
        if first.offset:
            return b""
        self.wait_for(first)
        self._spool.read(0, self.ours[: first.length])
        # What the map leaves out between the entries of a table is zeros on the card, too.
        return bytes(self.ours[: first.length]).ljust(ENDS, b"\0")

    def wait_for(self, piece: Chunk) -> None:
        """Wait until a piece of the image is there.

        Raises:
            Interrupted: the batch is over.
            SatchelError: it will never be there.
        """
        while piece.index != TAIL and not self._spool.has(piece, within_s=0):
            self._pulse.waits = True
            self._spool.has(piece, within_s=_LOOK_S)
            self.check()
        self.beat()

    def put(self, piece: Chunk) -> None:
        """Write a piece; what holds nothing but zeros in the way that is quickest here."""
        self.wait_for(piece)
        self._pulse.at = piece.offset
        ours, zero = self._content(piece)
        if zero:
            self._pulse.touched = True
            self.medium.zero(piece.offset, len(ours))
        else:
            self._write(piece.offset, ours)
        self.beat(piece.length)

    def is_as_it_should_be(self, piece: Chunk) -> bool:
        """Whether a piece is on the card already."""
        self.wait_for(piece)
        self._pulse.at = piece.offset
        ours, _ = self._content(piece)
        theirs = self.theirs[: len(ours)]
        self.medium.read(piece.offset, theirs)
        return equal(ours, theirs)

    def prove(self, piece: Chunk) -> None:
        """Read a piece back and compare it with what it should be.

        Raises:
            MediumError: the card returns something else.
        """
        self.wait_for(piece)
        self._pulse.at = piece.offset
        self._prove(piece.offset, self._content(piece)[0])
        self.beat(piece.length)

    def put_own(self, patch: Patch) -> None:
        """Write the card's own bytes, whatever lies around them, make them durable and read them back."""
        block = self.medium.block_bytes
        start, end = patch.offset - patch.offset % block, align_up(patch.end, block)
        ours = self.ours[: end - start]
        self.medium.read(start, ours)
        lay_over((patch,), start, ours)
        self._write(start, ours)
        self.medium.flush()
        self._prove(start, ours)
        self.beat()

    def discard_all(self) -> None:
        """Tell the card that nothing on it matters, in steps: an old card takes long."""
        size = self.medium.size_bytes
        for start in range(0, size, _DISCARD_STEP):
            if not self.medium.discard(start, min(_DISCARD_STEP, size - start)):
                return
            self.beat()

    def wipe(self, where: Extent) -> None:
        """Make zeros of a range."""
        self._pulse.touched = True
        end = where.start + self._padded(where.length)
        for start in range(where.start, end, CHUNK):
            self.medium.zero(start, min(CHUNK, end - start))
            self.beat()

    def flush(self) -> None:
        """Make everything durable."""
        self.medium.flush()
        self.beat()

    def beat(self, done_bytes: int = 0) -> None:
        """Something is done; the moment to stop if the batch is over."""
        self._pulse.beat(done_bytes)
        self.check()

    def check(self) -> None:
        """Stop if nobody waits for this card any more.

        Raises:
            Interrupted: nobody does.
        """
        if self._cancelled.is_set() or self._pulse.abandoned:
            raise Interrupted

    def _content(self, piece: Chunk) -> tuple[memoryview, bool]:
        """What a piece should be on this card, to the end of its last block, and whether it is nothing but zeros."""
        ours = self.ours[: self._padded(piece.length)]
        zero = piece.index == TAIL or self._spool.is_zero(piece)
        if not zero and len(ours) == piece.length and not touches(self.patches, piece.offset, len(ours)):
            shared = self._spool.in_memory(piece.offset, piece.end)
            if shared is not None:
                return shared, False
        if zero:
            ours[:] = bytes(len(ours))
        else:
            self._spool.read(piece.offset, ours[: piece.length])
            ours[piece.length :] = bytes(len(ours) - piece.length)
        return ours, not lay_over(self.patches, piece.offset, ours) and zero

    def _write(self, offset: int, data: memoryview) -> None:
        self._pulse.touched = True
        self.medium.write(offset, data)
        self._pulse.written_bytes += len(data)

    def _prove(self, offset: int, ours: memoryview) -> None:
        theirs = self.theirs[: len(ours)]
        for _ in range(_TRIES):
            self.medium.read(offset, theirs)
            if equal(ours, theirs):
                return
        at = offset + first_difference(ours, theirs)
        raise MediumError("verify", "the card returns something else than was written", offset=at)

    def _padded(self, length: int) -> int:
        return align_up(length, self.medium.block_bytes)
