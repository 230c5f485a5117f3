"""Cards that fail in every way that cards fail, by way of the interface that the flasher writes to."""

from __future__ import annotations

import errno
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from builder.disk.extents import Extent
from builder.flash.chunk import chunks_of
from builder.flash.compare import is_zero
from builder.flash.medium import MediumError
from builder.flash.plain_file import PlainFile
from builder.flash.source.spool import Room, Spool

BLOCK = 512


@dataclass
class Card:
    """A card in memory. What it does wrong is chosen by its fields."""

    size_bytes: int
    block_bytes: int = BLOCK
    fill: int = 0xA5
    """What lay on it before."""
    real_bytes: int | None = None
    """It is smaller than it says: writes beyond are forgotten."""
    wraps: bool = False
    """Writes beyond its real size begin again at its start."""
    drops: bool = False
    """It writes nothing at all and says it did."""
    flips: int | None = None
    """The byte in which one bit is wrong when it is read."""
    breaks_at: int | None = None
    """Where it reports an error when written to."""
    blind_at: int | None = None
    """Where it reports an error when read."""
    gone_after: int | None = None
    """It is pulled out after so many bytes were written."""
    written: int = 0
    log: list[tuple[str, int, int]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.data = bytearray([self.fill]) * self.size_bytes

    def _there(self, operation: str, offset: int) -> None:
        if self.gone_after is not None and self.written >= self.gone_after:
            raise MediumError.of(OSError(errno.ENODEV, "gone"), operation, offset=offset)

    def read(self, offset: int, into: memoryview) -> None:
        self._aligned(offset, len(into))
        self._there("read", offset)
        if self.blind_at is not None and offset <= self.blind_at < offset + len(into):
            raise MediumError.of(OSError(errno.EIO, "blind"), "read", offset=self.blind_at)
        for start, end, at in self._parts(offset, len(into)):
            into[start:end] = self.data[at : at + end - start] if at is not None else bytes(end - start)
        if self.flips is not None and offset <= self.flips < offset + len(into):
            into[self.flips - offset] ^= 1

    def write(self, offset: int, data: memoryview) -> None:
        self.log.append(("write", offset, len(data)))
        self._aligned(offset, len(data))
        self._there("write", offset)
        if self.breaks_at is not None and offset <= self.breaks_at < offset + len(data):
            raise MediumError.of(OSError(errno.EIO, "broken"), "write", offset=self.breaks_at)
        self.written += len(data)
        if not self.drops:
            self._store(offset, data)

    def zero(self, offset: int, length: int) -> None:
        self.log.append(("zero", offset, length))
        self._aligned(offset, length)
        self._there("zero", offset)
        if not self.drops:
            self._store(offset, memoryview(bytes(length)))

    def discard(self, offset: int, length: int) -> bool:
        self._aligned(offset, length)
        return False

    def flush(self) -> None:
        self.log.append(("flush", 0, 0))
        self._there("flush", 0)

    def close(self) -> None:
        """Nothing is held."""

    def _aligned(self, offset: int, length: int) -> None:
        assert offset % self.block_bytes == length % self.block_bytes == 0
        assert 0 <= offset <= offset + length <= self.size_bytes

    def _store(self, offset: int, data: memoryview) -> None:
        for start, end, at in self._parts(offset, len(data)):
            if at is not None:
                self.data[at : at + end - start] = data[start:end]

    def _parts(self, offset: int, length: int) -> list[tuple[int, int, int | None]]:
        """Stretches of a request with where they really lie."""
        real = self.real_bytes
        if real is None or offset + length <= real:
            return [(0, length, offset)]
        inside = max(0, real - offset)
        parts: list[tuple[int, int, int | None]] = [(0, inside, offset)] if inside else []
        at = (offset + inside) % real if self.wraps else None
        return [*parts, (inside, length, at)]


def spool_of(image: bytes, directory: Path, *, mapped: Sequence[Extent] = ()) -> Spool:
    """An image that is there as a whole."""
    path = directory / "spool"
    path.write_bytes(image)
    chunks = tuple(chunks_of(mapped or [Extent(0, len(image))]))
    descriptor = PlainFile(path)._descriptor
    spool = Spool(Room(descriptor=descriptor), chunks, size_bytes=len(image))
    for chunk in chunks:
        content = memoryview(bytearray(image[chunk.offset : chunk.end]))
        spool.publish(chunk, zero=is_zero(content))
    return spool


def patterned(size: int) -> bytes:
    """Bytes that are different wherever one looks."""
    return b"".join(number.to_bytes(8, "little") for number in range(1, size // 8 + 1))
