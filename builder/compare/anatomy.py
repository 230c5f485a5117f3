"""The anatomy of a file system: its files with everything that is known of them, and what every byte belongs to.

Each reader of this room (`read_btrfs`, `read_ext4`, `read_vfat`) makes one from bytes alone: no mount, no root, no
program. That a byte differs is found by comparing bytes; what it means is looked up here.
"""

from __future__ import annotations

import os
import stat
import zlib
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import islice, pairwise, takewhile
from typing import Final

from zstandard import ZstdDecompressor, ZstdError

from builder.disk.extents import Extent, data_extents
from builder.errors import ArtifactError
from builder.units import MIB

_STEP: Final = MIB
_UNUSED: Final = "unused space"


class Window:
    """A part of an open file, such as a partition of an image."""

    def __init__(self, descriptor: int, *, start: int, length: int) -> None:
        self._descriptor = descriptor
        self.start = start
        self.length = length

    def read(self, at: int, length: int) -> bytes:
        """Exactly `length` bytes.

        Raises:
            ArtifactError: they do not lie inside.
        """
        if at < 0 or length < 0 or at + length > self.length:
            raise ArtifactError(f"the file system points to byte {at}, but it has only {self.length} bytes")
        data = os.pread(self._descriptor, length, self.start + at)
        # A file that is shorter than its partition, as a btrfs can be, goes on with zeros.
        return data.ljust(length, b"\0")

    def data(self) -> Iterator[Extent]:
        """What is not a hole, relative to the beginning."""
        for extent in data_extents(self._descriptor):
            first, last = max(extent.start, self.start), min(extent.end, self.start + self.length)
            if first < last:
                yield Extent(first - self.start, last - first)


@dataclass(frozen=True, slots=True, kw_only=True)
class Region:
    """Bytes that belong to one structure; `path` is the file whose structure it is."""

    start: int
    length: int
    structure: str
    path: str | None = None

    @property
    def end(self) -> int:
        """The first byte behind it."""
        return self.start + self.length


@dataclass(frozen=True, slots=True, kw_only=True)
class Piece:
    """A stretch of a file's content: `length` bytes from byte `at` of the file, and how they are stored."""

    at: int
    length: int
    stored: int = 0
    """Where in the partition."""
    stored_length: int = 0
    compression: str = ""
    skip: int = 0
    """Bytes of what is stored, after decompression, that come before this stretch."""
    inline: bytes | None = None
    """The stored bytes, where they lie among the metadata."""


@dataclass(frozen=True, slots=True, kw_only=True)
class File:
    """Anything with a name; times in nanoseconds since 1970."""

    mode: int
    """Kind and permissions, as in `stat`."""
    owner: int
    group: int
    size: int
    modified: int
    other_times: tuple[int, ...]
    inode: int
    target: str = ""
    """Where a link leads; the numbers of a device."""
    attributes: Mapping[str, bytes]
    pieces: tuple[Piece, ...] = ()
    """In the order of the content."""

    @property
    def kind(self) -> str:
        """What a person calls it."""
        return _KINDS.get(stat.S_IFMT(self.mode), "thing")


_KINDS: Final = {
    stat.S_IFREG: "file",
    stat.S_IFDIR: "directory",
    stat.S_IFLNK: "link",
    stat.S_IFCHR: "device",
    stat.S_IFBLK: "device",
    stat.S_IFIFO: "pipe",
    stat.S_IFSOCK: "socket",
}


class Atlas:
    """Which structure each byte belongs to: `fine` regions before `coarse` ones, and unused space between them."""

    def __init__(self, *, fine: Iterable[Region], coarse: Iterable[Region]) -> None:
        self._layers = tuple(_apart(regions) for regions in (fine, coarse))
        self._starts = tuple([region.start for region in layer] for layer in self._layers)

    def split(self, start: int, end: int) -> Iterator[tuple[Region, int, int]]:
        """The regions that a range of bytes touches, each with the part of the range that lies in it."""
        while start < end:
            region, until = self._at(start, end)
            yield region, start, until
            start = until

    def _at(self, position: int, limit: int) -> tuple[Region, int]:
        free_from = 0
        for layer, starts in zip(self._layers, self._starts, strict=True):
            index = bisect_right(starts, position)
            following = starts[index] if index < len(starts) else limit
            if index and position < layer[index - 1].end:
                return layer[index - 1], min(limit, layer[index - 1].end)
            free_from = max(free_from, layer[index - 1].end if index else 0)
            limit = min(limit, following)
        return Region(start=free_from, length=limit - free_from, structure=_UNUSED), limit


def _apart(regions: Iterable[Region]) -> list[Region]:
    """Sorted, without those that begin inside another one: blocks that two files share belong to the first."""
    kept: list[Region] = []
    for region in sorted(regions, key=lambda region: (region.start, -region.length)):
        if region.length > 0 and (not kept or region.start >= kept[-1].end):
            kept.append(region)
    return kept


@dataclass(frozen=True, slots=True, kw_only=True)
class Anatomy:
    """A file system; paths are relative to its top, which is `""`, and lead through subvolumes by their names."""

    filesystem: str
    files: Mapping[str, File]
    atlas: Atlas
    window: Window

    def read(self, path: str) -> bytes:
        """The content of a file.

        Raises:
            ArtifactError: there is no such file.
        """
        file = self.files.get(path)
        if file is None or not stat.S_ISREG(file.mode):
            raise ArtifactError(f"there is no file {path}")
        return content(self.window, file, 0, file.size)


def name_of(raw: bytes) -> str:
    """A file's name as text that can be printed, whatever its bytes."""
    return raw.decode(errors="backslashreplace")


def content(window: Window, file: File, start: int, length: int) -> bytes:
    """A part of a file's content; holes are zeros.

    Raises:
        ArtifactError: what is stored cannot be decompressed.
    """
    out = bytearray(length)
    begin = max(0, bisect_right(file.pieces, start, key=lambda piece: piece.at) - 1)
    for piece in takewhile(lambda piece: piece.at < start + length, islice(file.pieces, begin, None)):
        first, last = max(piece.at, start), min(piece.at + piece.length, start + length)
        if first < last:
            data = _decoded(window, piece, first - piece.at, last - first)
            out[first - start : first - start + len(data)] = data
    return bytes(out)


def _decoded(window: Window, piece: Piece, offset: int, length: int) -> bytes:
    if not piece.compression:
        if piece.inline is not None:
            return piece.inline[offset : offset + length]
        return window.read(piece.stored + piece.skip + offset, length)
    raw = _stored(window, piece)
    try:
        match piece.compression:
            case "zlib":
                whole = zlib.decompressobj().decompress(raw)
            case "zstd":
                whole = ZstdDecompressor().decompressobj().decompress(raw)
            case other:
                raise ArtifactError(f"files compressed by {other} cannot be read")
    except (zlib.error, ZstdError) as error:
        raise ArtifactError(f"a file's content cannot be decompressed: {error}") from error
    return whole[piece.skip + offset : piece.skip + offset + length]


def _stored(window: Window, piece: Piece) -> bytes:
    return piece.inline if piece.inline is not None else window.read(piece.stored, piece.stored_length)


def same_content(mine: tuple[Window, File], theirs: tuple[Window, File]) -> bool:
    """Whether two files have the same content, however each is stored.

    Raises:
        ArtifactError: the content of one of them cannot be read.
    """
    (window, file), (other_window, other) = mine, theirs
    if file.size != other.size:
        return False
    if _shape(file) == _shape(other):
        pairs = zip(file.pieces, other.pieces, strict=True)
        if all(_same_stored(window, piece, other_window, twin) for piece, twin in pairs):
            return True
        if not any(piece.compression for piece in file.pieces):
            return False
    return all(
        content(window, file, start, end - start) == content(other_window, other, start, end - start)
        for start, end in _steps(file.size)
    )


def _same_stored(window: Window, piece: Piece, other_window: Window, twin: Piece) -> bool:
    if piece.inline is not None:
        return piece.inline == twin.inline
    return all(
        window.read(piece.stored + start, end - start) == other_window.read(twin.stored + start, end - start)
        for start, end in _steps(piece.stored_length)
    )


def _steps(length: int) -> Iterator[tuple[int, int]]:
    """Ranges small enough to be held in memory."""
    return pairwise((*range(0, length, _STEP), length))


def _shape(file: File) -> list[tuple[int, int, int, str, int, bool]]:
    return [
        (piece.at, piece.length, piece.stored_length, piece.compression, piece.skip, piece.inline is None)
        for piece in file.pieces
    ]
