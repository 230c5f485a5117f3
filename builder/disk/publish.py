"""One pass over a finished image: its SHA-256, one for every mapped range, and its compressed frames.

Holes are not read. But the digest of the whole has to go through all their zeros, in order and on one processor, so it
never waits for the compression, which takes the others. Ranges never cross a frame, so a flasher can fetch, decompress
and verify any of them alone.
"""

from __future__ import annotations

import hashlib
import os
import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
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

_LATER: Final = 5
"""By how much less urgent the other threads are (nice(2))."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Range:
    """A mapped part of the image, in bytes, with its checksum."""

    extent: Extent
    sha256: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Published:
    """What the pass found out; `zst` is the compressed file, if one was made."""

    size_bytes: int
    sha256: str
    ranges: tuple[Range, ...]
    zst_bytes: int | None
    zst_sha256: str | None
    with_footer_sha256: str | None = None
    """Of the image with a footer behind it, if one was asked for."""


@dataclass(frozen=True, slots=True)
class _Frame:
    """A frame's content, which is only zeros when no mapped extent lies inside it."""

    start: int
    content: memoryview
    extents: tuple[Extent, ...]


class _Writer:
    """The compressed file while it grows: frames in order, then the seek table."""

    def __init__(self, file: BinaryIO, *, level: int) -> None:
        self.level = level
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
    image: Path,
    mapped: Sequence[Extent],
    *,
    zst: Path | None = None,
    level: int = 3,
    footer: Callable[[str], bytes] | None = None,
    reporter: Reporter,
) -> Published:
    """Hash an image and, if `zst` is given, compress it there at `level`.

    `mapped` is everything in the image that is not zeros, in whole blocks and in order, as `assemble` returns it. The
    bytes of the compressed file do not depend on the number of processors. `footer` makes of the image's SHA-256 what
    another form of it has behind the same bytes; nothing is written.
    """
    workers = len(os.sched_getaffinity(0))
    whole = hashlib.sha256()
    with ExitStack() as stack:
        file = stack.enter_context(image.open("rb"))
        size = os.fstat(file.fileno()).st_size
        writer = _Writer(stack.enter_context(zst.open("wb")), level=level) if zst else None
        later = os.getpriority(os.PRIO_PROCESS, 0) + _LATER
        pool = stack.enter_context(ThreadPoolExecutor(workers + 1, initializer=_give_way, initargs=(later,)))
        advance = stack.enter_context(reporter.amount("checksums and compression" if zst else "checksums", size))
        described = pool.submit(_describe, _frames(file.fileno(), size, mapped), writer, pool, window=2 * workers)
        for frame in _frames(file.fileno(), size, mapped):
            whole.update(frame.content)
            advance(len(frame.content))
        ranges, zst_sha256 = described.result()
    sha256 = whole.hexdigest()
    if footer is not None:
        whole.update(footer(sha256))
    return Published(
        size_bytes=size,
        sha256=sha256,
        ranges=ranges,
        zst_bytes=writer.size_bytes if writer else None,
        zst_sha256=zst_sha256,
        with_footer_sha256=whole.hexdigest() if footer else None,
    )


def _give_way(niceness: int) -> None:
    """Let the digest of the whole have a processor of its own: nothing else can make it end sooner."""
    os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), niceness)


def _describe(
    frames: Iterator[_Frame], writer: _Writer | None, pool: ThreadPoolExecutor, *, window: int
) -> tuple[tuple[Range, ...], str | None]:
    """Hash the ranges of all frames and compress them, a few at once and in order; the digest of what was written."""
    ranges: list[Range] = []
    pending: deque[tuple[_Frame, Future[tuple[Range, ...]], Future[bytes] | None]] = deque()
    empty_frames: dict[int, Future[bytes]] = {}

    def take() -> None:
        frame, digests, compressed = pending.popleft()
        ranges.extend(digests.result())
        if writer is not None and compressed is not None:
            writer.write_frame(compressed.result(), len(frame.content))

    for frame in frames:
        compressed = None if frame.extents else empty_frames.get(len(frame.content))
        if writer is not None and compressed is None:
            compressed = pool.submit(_compress, frame.content, writer.level)
            if not frame.extents:
                empty_frames[len(frame.content)] = compressed
        pending.append((frame, pool.submit(_hash_ranges, frame), compressed))
        while len(pending) > window:
            take()
    while pending:
        take()
    return tuple(ranges), writer.finish() if writer else None


def _compress(content: memoryview, level: int) -> bytes:
    # A compressor is not safe to share between threads, and making one costs nothing beside 4 MiB.
    return ZstdCompressor(level=level, write_checksum=True, write_content_size=True).compress(content)


def _hash_ranges(frame: _Frame) -> tuple[Range, ...]:
    return tuple(
        Range(
            extent=extent,
            sha256=hashlib.sha256(frame.content[extent.start - frame.start : extent.end - frame.start]).hexdigest(),
        )
        for extent in frame.extents
    )


def _frames(descriptor: int, size: int, mapped: Sequence[Extent]) -> Iterator[_Frame]:
    zeros = memoryview(bytes(FRAME))
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
        content = memoryview(bytearray(end - start)) if inside else zeros[: end - start]
        for extent in inside:
            _read_into(descriptor, content[extent.start - start : extent.end - start], extent.start)
        yield _Frame(start, content, tuple(inside))


def _read_into(descriptor: int, buffer: memoryview, offset: int) -> None:
    done = 0
    while done < len(buffer):
        count = os.preadv(descriptor, [buffer[done:]], offset + done)
        if count == 0:
            raise EOFError(f"the image ends at {offset + done:,} bytes, but more of it is mapped")
        done += count
