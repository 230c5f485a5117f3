"""From the image as it is stored to the spool: each chunk unpacked once, proved, published in order."""

from __future__ import annotations

import hashlib
import os
import threading
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import BinaryIO, Final

from builder.errors import ArtifactError, SatchelError
from builder.flash.chunk import CHUNK, Chunk, MappedRange, chunks_of, total
from builder.flash.compare import is_zero
from builder.flash.source.decode import DAMAGED, Frame, Packing, decode, fill, unpacked
from builder.flash.source.image import Source
from builder.flash.source.spool import Room, Spool, room_for
from builder.progress import Advance, Reporter

_MOST_WORKERS: Final = 8
_AGAIN: Final = "get it again from where it was published, or build it again"


@contextmanager
def spooled(source: Source, reporter: Reporter) -> Iterator[Spool]:
    """The spool of an image while a thread fills it; one whose size nobody knows is unpacked first.

    Raises:
        ArtifactError: the image is damaged, as far as that is known before the block begins.
        HostError: there is no room for it.
    """
    if source.ranges is None or source.size_bytes is None:
        with room_for(None) as room:
            yield _unpacked_first(source, room, reporter)
        return
    chunks = tuple(chunks_of(known.extent for known in source.ranges))
    if not chunks:
        raise ArtifactError(f"{source.path} is empty")
    if source.packing is Packing.RAW:
        descriptor = os.open(source.path, os.O_RDONLY | os.O_CLOEXEC)
        try:
            room = Room(descriptor=descriptor)
            with _filling(source, Spool(room, chunks, size_bytes=source.size_bytes)) as spool:
                yield spool
        finally:
            os.close(descriptor)
        return
    with (
        room_for(total(chunks)) as room,
        _filling(source, Spool(room, chunks, size_bytes=source.size_bytes)) as spool,
    ):
        yield spool


@contextmanager
def _filling(source: Source, spool: Spool) -> Iterator[Spool]:
    over = threading.Event()
    thread = threading.Thread(target=_fill, args=(source, spool, over), name="spool", daemon=True)
    thread.start()
    try:
        yield spool
    finally:
        over.set()
        thread.join()


def _fill(source: Source, spool: Spool, over: threading.Event) -> None:
    """Whatever happens, the spool is complete or failed when this ends, or cards would wait for ever."""
    try:
        proof = _Proof(source)
        for chunk, content, kept in _contents(source, spool, over):
            if over.is_set():
                return
            proof.add(chunk, content)
            zero = is_zero(content)
            if not zero and not kept:
                spool.write(chunk.offset, content)
            spool.publish(chunk, zero=zero)
        if not spool.complete:
            spool.fail(ArtifactError(f"{source.path} does not hold all of the image", hint=_AGAIN))
    except SatchelError as error:
        spool.fail(error)
    except DAMAGED as error:
        spool.fail(ArtifactError(f"{source.path} is damaged or cut short: {error}", hint=_AGAIN))
    except BaseException as error:
        spool.fail(ArtifactError(f"{source.path} could not be unpacked: {type(error).__name__}: {error}"))
        raise


class _Proof:
    """Compares everything that passes by with the digests of the ranges that it belongs to."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self._ranges: Iterator[MappedRange] = iter(source.ranges or ())
        self._range = next(self._ranges, None)
        self._digest = self._new()

    def add(self, chunk: Chunk, content: memoryview) -> None:
        """The next chunk.

        Raises:
            ArtifactError: a range is complete, and is not what it should be.
        """
        known = self._range
        if known is None or self._digest is None:
            return
        self._digest.update(content)
        if chunk.end < known.extent.end:
            return
        if known.digest and self._digest.hexdigest() != known.digest:
            raise ArtifactError(
                f"{self._source.path} is damaged: bytes {known.extent.start:,} to {known.extent.end:,} of the image"
                " are not what its block map says",
                hint=_AGAIN,
            )
        self._range, self._digest = next(self._ranges, None), self._new()

    def _new(self) -> hashlib._Hash | None:
        return hashlib.new(self._source.algorithm) if self._source.algorithm else None


_Content = tuple[Chunk, memoryview, bool]
"""A chunk, its bytes, and whether they lie already where the spool has them."""


def _contents(source: Source, spool: Spool, over: threading.Event) -> Iterator[_Content]:
    if source.packing is Packing.RAW:
        yield from _of_raw(source, spool.chunks)
    elif source.frames:
        yield from _of_frames(source, spool, over)
    else:
        yield from _of_stream(source, spool.chunks, over)


def _of_raw(source: Source, chunks: Iterable[Chunk]) -> Iterator[_Content]:
    buffer = memoryview(bytearray(CHUNK))
    with source.path.open("rb", buffering=0) as file:
        for chunk in chunks:
            file.seek(chunk.offset)
            if fill(file, buffer[: chunk.length]) < chunk.length:
                raise EOFError(f"it ends before byte {chunk.end:,}")
            yield chunk, buffer[: chunk.length], True


def _of_stream(source: Source, chunks: Iterable[Chunk], over: threading.Event) -> Iterator[_Content]:
    buffer, position = memoryview(bytearray(CHUNK)), 0
    with unpacked(source.path, source.packing) as stream:
        for chunk in chunks:
            while position < chunk.offset and not over.is_set():
                position += _skip(stream, buffer[: chunk.offset - position])
            if over.is_set():
                return
            if fill(stream, buffer[: chunk.length]) < chunk.length:
                raise EOFError(f"the image in it ends before byte {chunk.end:,}")
            position = chunk.end
            yield chunk, buffer[: chunk.length], False


def _skip(stream: BinaryIO, buffer: memoryview) -> int:
    count = fill(stream, buffer)
    if count == 0:
        raise EOFError("the image in it ends too early")
    return count


def _of_frames(source: Source, spool: Spool, over: threading.Event) -> Iterator[_Content]:
    """Frames with anything in them, a few decoded at once, each where it shall lie if all of it is wanted."""
    workers = min(len(os.sched_getaffinity(0)), _MOST_WORKERS)
    wanted = deque(_frames_of(source.frames, spool.chunks))
    waiting: deque[tuple[Frame, list[Chunk], Future[tuple[memoryview, bool]]]] = deque()
    with source.path.open("rb", buffering=0) as file, ThreadPoolExecutor(workers) as pool:
        descriptor = file.fileno()

        def unpack(frame: Frame, inside: Sequence[Chunk]) -> tuple[memoryview, bool]:
            place = spool.in_memory(frame.start, frame.end) if total(inside) == frame.length else None
            into = memoryview(bytearray(frame.length)) if place is None else place
            decode(os.pread(descriptor, frame.packed, frame.at), into)
            return into, place is not None

        while (wanted or waiting) and not over.is_set():
            while wanted and len(waiting) <= 2 * workers:
                frame, inside = wanted.popleft()
                waiting.append((frame, inside, pool.submit(unpack, frame, inside)))
            frame, inside, future = waiting.popleft()
            content, kept = future.result()
            for chunk in inside:
                yield chunk, content[chunk.offset - frame.start : chunk.end - frame.start], kept


def _frames_of(frames: Sequence[Frame], chunks: Sequence[Chunk]) -> Iterator[tuple[Frame, list[Chunk]]]:
    """Each frame that is needed, with its chunks.

    Raises:
        ArtifactError: a chunk lies in no frame, or in two.
    """
    waiting = deque(chunks)
    for frame in frames:
        inside = []
        while waiting and waiting[0].offset < frame.end:
            chunk = waiting.popleft()
            if chunk.end > frame.end:
                raise ArtifactError("a part of the image lies in two frames", hint="pack it again with zstd alone")
            inside.append(chunk)
        if inside:
            yield frame, inside


def _unpacked_first(source: Source, room: Room, reporter: Reporter) -> Spool:
    """Nobody knows how large the image is: unpack all of it, and see."""
    chunks: list[Chunk] = []
    zeros: list[bool] = []
    keeper = Spool(room, (), size_bytes=0)
    buffer, position = memoryview(bytearray(CHUNK)), 0
    try:
        with unpacked(source.path, source.packing) as stream, _unpacking(source, reporter) as advance:
            while count := fill(stream, buffer):
                zeros.append(is_zero(buffer[:count]))
                if not zeros[-1]:
                    keeper.write(position, buffer[:count])
                chunks.append(Chunk(index=len(chunks), offset=position, length=count))
                position += count
                advance(count)
    except DAMAGED as error:
        raise ArtifactError(f"{source.path} is damaged or cut short: {error}", hint=_AGAIN) from error
    if not chunks:
        raise ArtifactError(f"{source.path} is empty")
    spool = Spool(room, chunks, size_bytes=position)
    for chunk, zero in zip(chunks, zeros, strict=True):
        spool.publish(chunk, zero=zero)
    return spool


@contextmanager
def _unpacking(source: Source, reporter: Reporter) -> Iterator[Advance]:
    with reporter.step(f"unpack {source.path.name}"), reporter.amount("unpack", None) as advance:
        yield advance
