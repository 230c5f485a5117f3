"""The image as the flasher handles it: pieces small enough for a buffer, each with its class and its digest. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from builder.disk.extents import Extent
from builder.units import MIB

CHUNK: Final = 4 * MIB
"""The largest piece, and the size of the buffers."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MappedRange:
    """A part of the image that a card must carry, with its SHA-256 or another digest as the block map names it."""

    extent: Extent
    digest: str = ""
    """Hexadecimal; empty where nobody knows it beforehand."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Chunk:
    """`length` bytes from `offset` of the image."""

    index: int
    offset: int
    length: int

    @property
    def end(self) -> int:
        """The first byte behind it."""
        return self.offset + self.length


def chunks_of(ranges: Iterable[Extent]) -> Iterator[Chunk]:
    """The pieces of all ranges, in order; none crosses a multiple of `CHUNK`, so that frames of that size hold them."""
    index = 0
    for extent in ranges:
        start = extent.start
        while start < extent.end:
            end = min(start - start % CHUNK + CHUNK, extent.end)
            yield Chunk(index=index, offset=start, length=end - start)
            index += 1
            start = end


def total(chunks: Sequence[Chunk]) -> int:
    """Bytes of all pieces."""
    return sum(chunk.length for chunk in chunks)
