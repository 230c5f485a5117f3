"""Extents: the parts of a sparse file that hold data, found, merged and copied without touching the holes."""

from __future__ import annotations

import ctypes
import errno
import os
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from builder.units import MIB, align_up

_CHUNK: Final = 16 * MIB
_CANNOT_CLONE: Final = {errno.EXDEV, errno.EINVAL, errno.ENOSYS, errno.EOPNOTSUPP}

_FALLOC_FL_INSERT_RANGE: Final = 0x20
_CANNOT_INSERT: Final = {errno.EINVAL, errno.ENOSYS, errno.EOPNOTSUPP, errno.EPERM}
_libc = ctypes.CDLL(None, use_errno=True)


@dataclass(frozen=True, slots=True, order=True)
class Extent:
    """`length` bytes from `start`."""

    start: int
    length: int

    @property
    def end(self) -> int:
        """The first byte behind it."""
        return self.start + self.length


def data_extents(descriptor: int) -> Iterator[Extent]:
    """What is not a hole in an open file, in order; all of it where the file system cannot tell."""
    position, size = 0, os.fstat(descriptor).st_size
    while position < size:
        try:
            start = os.lseek(descriptor, position, os.SEEK_DATA)
        except OSError as error:
            if error.errno == errno.ENXIO:
                return
            raise
        position = os.lseek(descriptor, start, os.SEEK_HOLE)
        yield Extent(start, position - start)


def in_blocks(extents: Iterable[Extent], *, block: int) -> tuple[Extent, ...]:
    """The extents widened to whole blocks, sorted, with overlapping and touching ones merged."""
    merged: list[Extent] = []
    for extent in sorted(extent for extent in extents if extent.length):
        start, end = extent.start - extent.start % block, align_up(extent.end, block)
        if merged and start <= merged[-1].end:
            merged[-1] = Extent(merged[-1].start, max(end, merged[-1].end) - merged[-1].start)
        else:
            merged.append(Extent(start, end - start))
    return tuple(merged)


def copy_extent(source: int, extent: Extent, target: int, *, at: int, advance: Callable[[int], None]) -> None:
    """Copy one extent of an open file to position `at` of another, shared instead of copied where that is possible."""
    done = 0
    while done < extent.length:
        count = min(_CHUNK, extent.length - done)
        try:
            copied = os.copy_file_range(source, target, count, extent.start + done, at + done)
        except OSError as error:
            if error.errno not in _CANNOT_CLONE:
                raise
            copied = os.pwrite(target, os.pread(source, count, extent.start + done), at + done)
        if copied == 0:
            raise OSError(errno.EIO, "a file became shorter while it was copied")
        done += copied
        advance(copied)


def moved_up(descriptor: int, by: int) -> bool:
    """Insert a hole of `by` bytes before everything in an open file; whether its file system can (ext4 and xfs can).

    Nothing is copied: only the addresses of the blocks change. `by` must be a multiple of the file system's blocks.
    """
    length = ctypes.c_int64(by)
    if _libc.fallocate(descriptor, _FALLOC_FL_INSERT_RANGE, ctypes.c_int64(0), length) == 0:
        return True
    code = ctypes.get_errno()
    if code in _CANNOT_INSERT:
        return False
    raise OSError(code, f"insert a hole: {os.strerror(code)}")
