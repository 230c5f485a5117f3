"""An image file as a medium: for disks of virtual machines, and to try everything without a card."""

from __future__ import annotations

import ctypes
import os
import stat
from pathlib import Path
from typing import Final

from builder.flash.medium import MediumError
from builder.units import MIB

_STEP: Final = MIB
_BEHIND: Final = 256 * MIB
"""How much may wait in the memory of this machine."""
_PUNCH_AND_KEEP: Final = 0x02 | 0x01
"""FALLOC_FL_PUNCH_HOLE and FALLOC_FL_KEEP_SIZE of <linux/falloc.h>."""
_libc: Final = ctypes.CDLL(None, use_errno=True)


class PlainFile:
    """A regular file that was opened; it has the size that it has."""

    def __init__(self, path: Path, *, size_bytes: int | None = None) -> None:
        """Open a file that is there, or make one of this size.

        Raises:
            MediumError: it cannot be opened or made.
        """
        self.path = path
        flags = os.O_RDWR | os.O_CLOEXEC | (os.O_CREAT | os.O_EXCL if size_bytes is not None else 0)
        try:
            self._descriptor = os.open(path, flags, 0o644)
            if size_bytes is not None:
                os.ftruncate(self._descriptor, size_bytes)
            facts = os.fstat(self._descriptor)
        except OSError as error:
            raise MediumError.of(error, "open") from error
        if not stat.S_ISREG(facts.st_mode):
            self.close()
            raise MediumError("open", "it is no file any more")
        self._size = facts.st_size
        self._unwritten = 0

    @property
    def size_bytes(self) -> int:
        """Its size."""
        return self._size

    @property
    def block_bytes(self) -> int:
        """A file is written byte by byte."""
        return 1

    def read(self, offset: int, into: memoryview) -> None:
        """Fill a buffer."""
        done = 0
        while done < len(into):
            try:
                count = os.preadv(self._descriptor, [into[done : done + _STEP]], offset + done)
            except OSError as error:
                raise MediumError.of(error, "read", offset=offset + done) from error
            if count == 0:
                raise MediumError("read", "the file ends here", offset=offset + done)
            done += count

    def write(self, offset: int, data: memoryview) -> None:
        """Write a buffer."""
        if offset + len(data) > self._size:
            raise MediumError("write", "the file ends here", offset=self._size)
        done = 0
        while done < len(data):
            try:
                done += os.pwrite(self._descriptor, data[done : done + _STEP], offset + done)
            except OSError as error:
                raise MediumError.of(error, "write", offset=offset + done) from error
        self._unwritten += len(data)
        if self._unwritten >= _BEHIND:
            # Else the last flush would take so long that it looks like a disk that stands still.
            self.flush()

    def zero(self, offset: int, length: int) -> None:
        """Make a hole where the file system can."""
        if self.discard(offset, length):
            return
        zeros = memoryview(bytes(min(length, _STEP)))
        for start in range(0, length, _STEP):
            self.write(offset + start, zeros[: min(_STEP, length - start)])

    def discard(self, offset: int, length: int) -> bool:
        """Make a hole; whether the file system can."""
        arguments = (ctypes.c_int64(offset), ctypes.c_int64(length))
        return bool(_libc.fallocate(self._descriptor, _PUNCH_AND_KEEP, *arguments) == 0)

    def flush(self) -> None:
        """Make everything durable."""
        self._unwritten = 0
        try:
            os.fsync(self._descriptor)
        except OSError as error:
            raise MediumError.of(error, "flush") from error

    def close(self) -> None:
        """Let go of it."""
        os.close(self._descriptor)
