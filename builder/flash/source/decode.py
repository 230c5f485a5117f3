"""Compressed images as streams, and, where a seek table allows it, as frames that are decoded side by side.

What a file is, its first bytes say and not its name.
"""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import struct
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import BinaryIO, Final, cast

import zstandard

from builder.errors import ArtifactError
from builder.units import MIB


class Packing(StrEnum):
    """How an image is stored."""

    RAW = "raw"
    ZSTD = "zst"
    XZ = "xz"
    GZIP = "gz"
    BZIP2 = "bz2"


_MAGIC: Final = (
    (b"\x28\xb5\x2f\xfd", Packing.ZSTD),
    (b"\xfd7zXZ\0", Packing.XZ),
    (b"\x1f\x8b\x08", Packing.GZIP),
    (b"BZh", Packing.BZIP2),
)
_SKIPPABLE: Final = 0x184D2A5E
_SKIPPABLES: Final = 0x184D2A50
_LARGEST_WINDOW: Final = 1 << 31
_LARGEST_HEADER: Final = 18
_SEEKABLE: Final = 0x8F92EAB1
_FOOTER: Final = struct.Struct("<IBI")
_HEAD: Final = struct.Struct("<II")
_CHECKSUMS: Final = 0x80
_LARGEST_FRAME: Final = 64 * MIB

DAMAGED: Final = (EOFError, lzma.LZMAError, zlib.error, zstandard.ZstdError, OSError, ValueError, MemoryError)
"""What the decoders raise for data that is cut off or damaged; also what claims to need more memory than there is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Frame:
    """A part of the image that can be decoded alone."""

    start: int
    length: int
    at: int
    """Where it begins in the compressed file."""
    packed: int

    @property
    def end(self) -> int:
        """The first byte of the image behind it."""
        return self.start + self.length


def packing_of(path: Path) -> Packing:
    """How an image is stored.

    Raises:
        ArtifactError: it cannot be read, or is packed in a way that we do not unpack.
    """
    try:
        with path.open("rb") as file:
            head = file.read(8)
    except OSError as error:
        raise ArtifactError(f"{path}: {error.strerror}") from error
    if head.startswith((b"PK\x03\x04", b"7z\xbc\xaf\x27\x1c", b"Rar!")):
        raise ArtifactError(f"{path} is an archive", hint="unpack it first, and give the image that is in it")
    return next((kind for magic, kind in _MAGIC if head.startswith(magic)), Packing.RAW)


@contextmanager
def unpacked(path: Path, packing: Packing) -> Iterator[BinaryIO]:
    """The image as a stream, from its beginning to its end; several members one after the other are one."""
    with path.open("rb", buffering=MIB) as file:
        match packing:
            case Packing.RAW:
                yield file
            case Packing.ZSTD:
                _require_whole(file)
                # `zstd --long=31` makes windows of this size; the library refuses them unless told.
                decoder = zstandard.ZstdDecompressor(max_window_size=_LARGEST_WINDOW)
                yield cast(BinaryIO, decoder.stream_reader(file, read_size=MIB, read_across_frames=True))
            case Packing.XZ:
                with lzma.LZMAFile(file) as stream:
                    yield cast(BinaryIO, stream)
            case Packing.GZIP:
                with gzip.GzipFile(fileobj=file) as stream:
                    yield cast(BinaryIO, stream)
            case Packing.BZIP2:
                with bz2.BZ2File(file) as stream:
                    yield cast(BinaryIO, stream)


def _require_whole(file: BinaryIO) -> None:
    """Walk over all frames, because the decoder takes a file that ends within one for the end of the image.

    Source: RFC 8878, sections 3.1.1 and 3.1.2.

    Raises:
        EOFError: the file ends within a frame.
        ValueError: what follows a frame is none.
    """
    size = file.seek(0, io.SEEK_END)
    at = file.seek(0)
    while at < size:
        head = file.read(_LARGEST_HEADER)
        magic = int.from_bytes(head[:4], "little")
        if magic & ~0xF == _SKIPPABLES:
            at += _HEAD.size + int.from_bytes(head[4:8], "little")
        elif head.startswith(_MAGIC[0][0]):
            at += zstandard.frame_header_size(head)
            at = _behind_blocks(file, at) + (4 if zstandard.get_frame_parameters(head).has_checksum else 0)
        else:
            raise ValueError(f"at byte {at:,} there is no frame of zstd")
        file.seek(at)
    if at > size:
        raise EOFError("it ends within a frame")
    file.seek(0)


def _behind_blocks(file: BinaryIO, at: int) -> int:
    last = False
    while not last:
        file.seek(at)
        block = int.from_bytes(head := file.read(3), "little")
        if len(head) < 3:
            raise EOFError("it ends within a frame")
        last, repeated = bool(block & 1), block >> 1 & 3 == 1
        at += 3 + (1 if repeated else block >> 3)
    return at


def frames_of(path: Path) -> tuple[Frame, ...]:
    """The frames of a zstd file by the seek table at its end; none if it has no such table, or one that is wrong.

    Source: the specification 0.1.0 in zstd's contrib/seekable_format.
    """
    size = path.stat().st_size
    with path.open("rb") as file:
        if size < _FOOTER.size + _HEAD.size:
            return ()
        file.seek(size - _FOOTER.size)
        count, flags, magic = _FOOTER.unpack(file.read(_FOOTER.size))
        entry = struct.Struct("<III" if flags & _CHECKSUMS else "<II")
        length = count * entry.size + _FOOTER.size
        if magic != _SEEKABLE or length + _HEAD.size > size:
            return ()
        file.seek(size - length - _HEAD.size)
        table = file.read(_HEAD.size + length)
    if _HEAD.unpack_from(table) != (_SKIPPABLE, length):
        return ()
    frames, start, at = [], 0, 0
    for number in range(count):
        packed, plain = entry.unpack_from(table, _HEAD.size + number * entry.size)[:2]
        frames.append(Frame(start=start, length=plain, at=at, packed=packed))
        start, at = start + plain, at + packed
    sound = at == size - length - _HEAD.size and all(frame.length <= _LARGEST_FRAME for frame in frames)
    return tuple(frames) if sound else ()


def decode(packed: bytes, into: memoryview) -> None:
    """Unpack a frame to where it belongs, without a copy in between.

    Raises:
        ZstdError: it is damaged.
        ValueError: it has another length than its table says.
    """
    with zstandard.ZstdDecompressor().stream_reader(packed) as stream:
        count = fill(cast(BinaryIO, stream), into)
        more = stream.read(1)
    if count < len(into) or more:
        raise ValueError(f"a frame has {'more' if more else f'{count:,}'} bytes, and the seek table says {len(into):,}")


def fill(stream: BinaryIO, buffer: memoryview) -> int:
    """Read until a buffer is full or the stream ends; how many bytes there were."""
    done = 0
    while done < len(buffer):
        count = cast(io.RawIOBase, stream).readinto(buffer[done:])
        if not count:
            break
        done += count
    return done
