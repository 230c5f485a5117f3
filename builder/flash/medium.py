"""What the flasher writes to: bytes at offsets of a card, whatever carries them.

A medium never buffers: what `write` returned from lies with the card, and what `read` returns comes from it. Its errors
name the operation and the first byte concerned, because that is what a person needs to judge a card.
"""

from __future__ import annotations

import errno
import os
from typing import Protocol


class MediumError(Exception):
    """An operation on a card failed. It concerns that card alone.

    Attributes:
        operation: `read`, `write`, `zero`, `flush` or `open`.
        offset: The first byte of what could not be done; none where it has no place.
        reason: In words.
    """

    def __init__(self, operation: str, reason: str, *, offset: int | None = None) -> None:
        self.operation = operation
        self.offset = offset
        self.reason = reason
        where = f" at byte {offset:,}" if offset is not None else ""
        super().__init__(f"{operation} failed{where}: {reason}")

    @classmethod
    def of(cls, error: OSError, operation: str, *, offset: int | None = None) -> MediumError:
        """From what the kernel said, in words that a technician can use."""
        number = error.errno or 0
        reason = _MEANINGS.get(number) or os.strerror(number)
        return cls(operation, f"{reason} ({errno.errorcode.get(number, number)})", offset=offset)


_MEANINGS = {
    errno.ENODEV: "the card was pulled out, or its reader gave up",
    errno.ENXIO: "the card was pulled out, or its reader gave up",
    errno.ENOMEDIUM: "there is no card in the reader",
    errno.EIO: "the card or its reader reports an error",
    errno.EREMOTEIO: "the card or its reader reports an error",
    errno.ENOSPC: "the card ends here",
    errno.EPERM: "the card is write-protected",
    errno.EACCES: "this user may not write to it",
    errno.EROFS: "the card is write-protected",
    errno.EBUSY: "it is in use: mounted, or opened by another program",
    errno.ETIMEDOUT: "the card did not answer in time",
}


class Medium(Protocol):
    """A card that was opened. Used by one thread at a time.

    Offsets and lengths are multiples of `block_bytes`, but where a file ends. Everything raises `MediumError`.
    """

    @property
    def size_bytes(self) -> int:
        """How large it says that it is."""

    @property
    def block_bytes(self) -> int:
        """The unit in which it is written: the logical block of a device, 1 for a file."""

    def read(self, offset: int, into: memoryview) -> None:
        """Fill a buffer from the card itself, past every cache of this machine."""

    def write(self, offset: int, data: memoryview) -> None:
        """Write all of a buffer."""

    def zero(self, offset: int, length: int) -> None:
        """Make a range read as zeros, by whatever way is quickest here."""

    def discard(self, offset: int, length: int) -> bool:
        """Tell the card that a range does not matter; whether it understands that. What it reads as is undefined."""

    def flush(self) -> None:
        """Wait until all that was written is durable."""

    def close(self) -> None:
        """Let go of it."""
