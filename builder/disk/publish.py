"""One pass over a finished image: its SHA-256, one for every mapped range, and its compressed frames.

The image is read once, in frames; holes are not read. Ranges never cross a frame, so a flasher can fetch, decompress
and verify any of them alone.
"""

from __future__ import annotations

import hashlib
import os
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Final

from zstandard import ZstdCompressor

from builder.disk.extents import Extent
from builder.disk.seekable import seek_table
from builder.progress import Reporter
from builder.units import MIB

FRAME: Final = 4 * MIB
"""Bytes of the image in one compressed frame, and the most in one range."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Range:
    """A mapped part of the image, in bytes, with its checksum."""

    extent: Extent
    sha256: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Published:
    """What the pass found out; the last two are about the compressed file, if one was made."""

    size_bytes: int
    sha256: str
    ranges: tuple[Range, ...]
    zst_bytes: int | None
    zst_sha256: str | None


@dataclass(frozen=True, slots=True)
class _Frame:
    """A frame's content, or only its size when it is all zeros, and the mapped extents inside it."""

    start: int
    size: int
    data: bytes | None
    extents: tuple[Extent, ...]


class _Writer:
    """The compressed file while it grows: frames in order, then the seek table."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._digest = hashlib.sha256()
        self._frames: list[tuple[int, int]] = []
        self.size_bytes = 0

    def write_frame(self, compressed: bytes, plain: int) -> None:
        self._frames.append((len(compressed), plain))
        self._write(compressed)

    def finish(self) -> str:
        self._write(seek_table(self._frames))
        self._file.flush()
        os.fsync(self._file.fileno())
        return self._digest.hexdigest()

    def _write(self, data: bytes) -> None:
        self._file.write(data)
        self._digest.update(data)
        self.size_bytes += len(data)


def publish(
    image: Path, mapped: Sequence[Extent], *, zst: Path | None = None, level: int = 9, reporter: Reporter
) -> Published:
    """Hash an image and, if `zst` is given, compress it there at `level`.

    `mapped` is everything in the image that is not zeros, in whole blocks and in order, as `assemble` returns it. The
    bytes of the compressed file do not depend on the number of processors.
    """
    whole = hashlib.sha256()
    ranges: list[Range] = []
    zeros = bytes(FRAME)
    workers = os.cpu_count() or 1
    with ExitStack() as stack:
        file = stack.enter_context(image.open("rb"))
        size = os.fstat(file.fileno()).st_size
        writer = _Writer(stack.enter_context(zst.open("wb"))) if zst else None
        pool = stack.enter_context(ThreadPoolExecutor(max_workers=workers))
        advance = stack.enter_context(reporter.amount("checksums and compression" if zst else "checksums", size))
        pending: deque[tuple[_Frame, Future[tuple[Range, ...]], Future[bytes] | None]] = deque()
        empty_frames: dict[int, Future[bytes]] = {}

        def take() -> None:
            frame, digests, compressed = pending.popleft()
            ranges.extend(digests.result())
            if writer is not None and compressed is not None:
                writer.write_frame(compressed.result(), frame.size)
            advance(frame.size)

        for frame in _frames(file.fileno(), size, mapped):
            content = memoryview(zeros)[: frame.size] if frame.data is None else memoryview(frame.data)
            compressed = None
            if writer is not None and frame.data is None and frame.size in empty_frames:
                compressed = empty_frames[frame.size]
            elif writer is not None:
                compressed = pool.submit(_compress, content, level)
                if frame.data is None:
                    empty_frames[frame.size] = compressed
            pending.append((frame, pool.submit(_hash_ranges, frame, content), compressed))
            whole.update(content)
            while len(pending) > 2 * workers:
                take()
        while pending:
            take()
        zst_sha256 = writer.finish() if writer else None
    return Published(
        size_bytes=size,
        sha256=whole.hexdigest(),
        ranges=tuple(ranges),
        zst_bytes=writer.size_bytes if writer else None,
        zst_sha256=zst_sha256,
    )


def _compress(content: memoryview, level: int) -> bytes:
    # A compressor is not safe to share between threads, and making one costs nothing beside 4 MiB.
    return ZstdCompressor(level=level, write_checksum=True, write_content_size=True).compress(content)


def _hash_ranges(frame: _Frame, content: memoryview) -> tuple[Range, ...]:
    return tuple(
        Range(
            extent=extent,
            sha256=hashlib.sha256(content[extent.start - frame.start : extent.end - frame.start]).hexdigest(),
        )
        for extent in frame.extents
    )


def _frames(descriptor: int, size: int, mapped: Sequence[Extent]) -> Iterator[_Frame]:
    waiting = deque(mapped)
    for start in range(0, size, FRAME):
        end = min(start + FRAME, size)
        inside: list[Extent] = []
        while waiting and waiting[0].start < end:
            extent = waiting.popleft()
            cut = min(extent.end, end)
            inside.append(Extent(extent.start, cut - extent.start))
            if extent.end > end:
                waiting.appendleft(Extent(end, extent.end - end))
        if not inside:
            yield _Frame(start, end - start, None, ())
            continue
        data = bytearray(end - start)
        for extent in inside:
            _read_into(descriptor, memoryview(data)[extent.start - start : extent.end - start], extent.start)
        yield _Frame(start, end - start, bytes(data), tuple(inside))


def _read_into(descriptor: int, buffer: memoryview, offset: int) -> None:
    done = 0
    while done < len(buffer):
        count = os.preadv(descriptor, [buffer[done:]], offset + done)
        if count == 0:
            raise EOFError(f"the image ends at {offset + done:,} bytes, but more of it is mapped")
        done += count
