"""A card that fails, as the kernel sees it: one file in user space, behind a loop device with direct I/O.

    python -m tests.integration.flash.sick MOUNT BACKING FAULT [VALUE]

What lies in the backing file is what the card really holds. Runs in the foreground until it is unmounted.
"""

from __future__ import annotations

import errno
import os
import stat
import sys
import time
from pathlib import Path

import mfusepy

NAME = "card"


class SickCard(mfusepy.Operations):  # type: ignore[misc]
    """One file. `fault` says what is wrong with it, `value` where or how much, in bytes or seconds."""

    use_ns = True

    def __init__(self, backing: Path, fault: str, value: int) -> None:
        self._descriptor = os.open(backing, os.O_RDWR)
        self._size = os.fstat(self._descriptor).st_size
        self._fault, self._value = fault, value
        self._written = 0
        self._awake_at: float | None = None

    def getattr(self, path: str, fh: int | None = None) -> dict[str, int]:
        del fh
        if path == "/":
            return {"st_mode": stat.S_IFDIR | 0o755, "st_nlink": 2}
        if path != f"/{NAME}":
            raise mfusepy.FuseOSError(errno.ENOENT)
        return {"st_mode": stat.S_IFREG | 0o600, "st_nlink": 1, "st_size": self._size}

    def readdir(self, path: str, fh: int) -> list[str]:
        del path, fh
        return [".", "..", NAME]

    def open(self, path: str, flags: int) -> int:
        del path, flags
        return 0

    def read(self, path: str, size: int, offset: int, fh: int) -> bytes:
        del path, fh
        self._gone()
        if self._fault == "blind" and offset <= self._value < offset + size:
            raise mfusepy.FuseOSError(errno.EIO)
        data = bytearray(
            b"".join(
                os.pread(self._descriptor, end - start, at) if at is not None else bytes(end - start)
                for start, end, at in self._parts(offset, size)
            )
        )
        if self._fault == "flip" and offset <= self._value < offset + size:
            data[self._value - offset] ^= 1
        return bytes(data)

    def write(self, path: str, data: bytes, offset: int, fh: int) -> int:
        del path, fh
        self._gone()
        if self._fault == "break" and offset <= self._value < offset + len(data):
            raise mfusepy.FuseOSError(errno.EIO)
        if self._fault == "full" and offset + len(data) > self._value:
            raise mfusepy.FuseOSError(errno.ENOSPC)
        if self._fault == "hang" and self._written > 4 << 20:
            time.sleep(self._value)
        self._written += len(data)
        for start, end, at in self._parts(offset, len(data)):
            if at is not None and self._fault != "drop":
                os.pwrite(self._descriptor, data[start:end], at)
        return len(data)

    def flush(self, path: str, fh: int) -> int:
        del path, fh
        return 0

    def fsync(self, path: str, datasync: int, fh: int) -> int:
        del path, datasync, fh
        return 0

    def _gone(self) -> None:
        """Before every request: what does not depend on its place."""
        if self._fault == "slow":
            time.sleep(self._value / 1000)
        if self._fault == "pause" and self._written > 4 << 20:
            # Once, and for all requests: afterwards it is as good as new.
            self._awake_at = self._awake_at or time.monotonic() + self._value
            time.sleep(max(0.0, self._awake_at - time.monotonic()))
        if self._fault == "pull" and self._written > self._value:
            raise mfusepy.FuseOSError(errno.ENODEV)

    def _parts(self, offset: int, length: int) -> list[tuple[int, int, int | None]]:
        """Stretches of a request with where they really lie: beyond its real size, a card forgets or begins again."""
        if self._fault not in {"fake", "wrap"} or offset + length <= self._value:
            return [(0, length, offset)]
        inside = max(0, min(length, self._value - offset))
        at = (offset + inside) % self._value if self._fault == "wrap" else None
        return [*([(0, inside, offset)] if inside else []), (inside, length, at)]


if __name__ == "__main__":
    mount, backing, fault, value = sys.argv[1:]
    mfusepy.FUSE(SickCard(Path(backing), fault, int(value)), mount, foreground=True, nothreads=False, allow_other=False)
