"""A block device as a medium: opened exclusively, written and read past the kernel's memory."""

from __future__ import annotations

import array
import errno
import fcntl
import os
import stat
import struct
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Final, TypeVar

from builder.flash.medium import MediumError
from builder.units import KIB, MIB

# From <linux/fs.h>. The numbers of _IOR and _IO differ only on alpha, mips, parisc, powerpc and sparc.
_BLKROGET: Final = 0x125E
_BLKFLSBUF: Final = 0x1261
_BLKSSZGET: Final = 0x1268
_BLKDISCARD: Final = 0x1277
_BLKZEROOUT: Final = 0x127F
_BLKGETSIZE64: Final = 0x80081272
_BLKGETDISKSEQ: Final = 0x80081280

_STEP: Final = 4 * MIB
"""Bytes of one system call: large enough for full speed, and what an interrupted process waits for at most."""
_CLOSELY: Final = 64 * KIB
_PATIENCE_S: Final = 5.0
_LOOK_S: Final = 0.2

Result = TypeVar("Result")


def _patiently(act: Callable[[], Result]) -> Result:
    """Udev looks at a card that was just put in, with a lock of its own (systemd's BLOCK_DEVICE_LOCKING)."""
    until = time.monotonic() + _PATIENCE_S
    while True:
        try:
            return act()
        except OSError as error:
            if error.errno not in {errno.EAGAIN, errno.EBUSY} or time.monotonic() > until:
                raise
            time.sleep(_LOOK_S)


class Device:
    """An open block device. What it says of itself is read from the descriptor: names move, a descriptor does not."""

    def __init__(self, path: Path) -> None:
        """Open it for us alone.

        Raises:
            MediumError: it cannot be opened, is in use, is write-protected, or is no block device.
        """
        self.path = path
        try:
            # O_EXCL without O_CREAT: the kernel refuses a device that is mounted or otherwise held.
            flags = os.O_RDWR | os.O_EXCL | os.O_DIRECT | os.O_CLOEXEC | os.O_NOFOLLOW
            self._descriptor = _patiently(lambda: os.open(path.resolve(), flags))
        except OSError as error:
            raise MediumError.of(error, "open") from error
        try:
            self._look()
        except BaseException:
            self.close()
            raise

    def _look(self) -> None:
        if not stat.S_ISBLK(os.fstat(self._descriptor).st_mode):
            raise MediumError("open", "it is no block device")
        try:
            _patiently(lambda: fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB))
            # A device that is write-protected opens for writing all the same.
            write_protected = self._number(_BLKROGET, "i")
            self._size = self._number(_BLKGETSIZE64, "Q")
            self._block = self._number(_BLKSSZGET, "i")
            self._sequence = self.sequence
        except OSError as error:
            raise MediumError.of(error, "open") from error
        if write_protected:
            raise MediumError("open", "the card is write-protected")
        if self._size == 0:
            raise MediumError("open", "there is no card in the reader")

    @property
    def size_bytes(self) -> int:
        """How large it says that it is."""
        return self._size

    @property
    def block_bytes(self) -> int:
        """Its logical block."""
        return self._block

    @property
    def number(self) -> int:
        """The device's number (`st_rdev`)."""
        return os.fstat(self._descriptor).st_rdev

    @property
    def sequence(self) -> int | None:
        """A number that no other card in this machine had since it was started; none from kernels before 5.15."""
        try:
            return self._number(_BLKGETDISKSEQ, "Q")
        except OSError:
            return None

    def read(self, offset: int, into: memoryview) -> None:
        """Fill a buffer."""
        self._move("read", lambda part, at: os.preadv(self._descriptor, [part], at), offset, into)

    def write(self, offset: int, data: memoryview) -> None:
        """Write a buffer."""
        self._move("write", lambda part, at: os.pwrite(self._descriptor, part, at), offset, data)

    def _move(self, operation: str, act: Callable[[memoryview, int], int], offset: int, data: memoryview) -> None:
        done, step = 0, _STEP
        while done < len(data):
            try:
                count = act(data[done : done + step], offset + done)
            except OSError as error:
                if error.errno == errno.EIO and step > _CLOSELY:
                    # Once more in small steps: where the card fails is what a person wants to know.
                    step = _CLOSELY
                    continue
                raise MediumError.of(error, operation, offset=offset + done) from error
            if count == 0:
                raise MediumError(operation, "the card ends here", offset=offset + done)
            done += count

    def zero(self, offset: int, length: int) -> None:
        """Let the kernel write zeros; it knows whether the device can do that by itself."""
        try:
            self._range(_BLKZEROOUT, offset, length)
        except OSError as error:
            raise MediumError.of(error, "zero", offset=offset) from error

    def discard(self, offset: int, length: int) -> bool:
        """Tell the card; most readers do not pass it on."""
        try:
            self._range(_BLKDISCARD, offset, length)
        except OSError:
            return False
        return True

    def flush(self) -> None:
        """Make everything durable, and forget what the kernel may have kept of it.

        A reader keeps its device when the card in it is changed. So a flush also says whose writes became durable.
        """
        if self.sequence != self._sequence:
            raise MediumError("flush", "another card lies there by now")
        try:
            os.fsync(self._descriptor)
        except OSError as error:
            raise MediumError.of(error, "flush") from error
        # For root alone; direct reads pass the kernel's memory anyway.
        with suppress(PermissionError):
            fcntl.ioctl(self._descriptor, _BLKFLSBUF, 0)

    def close(self) -> None:
        """Let go of it."""
        os.close(self._descriptor)

    def _number(self, request: int, form: str) -> int:
        answer = array.array(form, [0])
        fcntl.ioctl(self._descriptor, request, answer)
        return answer[0]

    def _range(self, request: int, offset: int, length: int) -> None:
        fcntl.ioctl(self._descriptor, request, struct.pack("=QQ", offset, length))
