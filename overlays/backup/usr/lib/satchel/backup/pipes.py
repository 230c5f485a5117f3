"""Programs between streams: what they read and write is too large to be held in memory."""

from __future__ import annotations

import hashlib
import os
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from shutil import copyfileobj
from typing import IO, Any, Protocol

from device import accounts
from device.commands import BASE_ENVIRONMENT
from device.errors import DeviceError

BLOCK = 1 << 20
_TAIL_BYTES = 2000
_ENDING_SECONDS = 60


class Writable(Protocol):
    """What can be written to."""

    def write(self, data: bytes, /) -> object:
        """Write all of it."""


class Readable(Protocol):
    """What can be read from."""

    def read(self, size: int = -1, /) -> bytes:
        """At most so many bytes; none at the end."""


class Tally:
    """A stream whose bytes are counted and summed up as they pass."""

    def __init__(self, stream: Any) -> None:
        self._stream, self._digest, self.size_bytes = stream, hashlib.sha256(), 0

    @property
    def sha256(self) -> str:
        """The sum of all that passed."""
        return self._digest.hexdigest()

    def write(self, data: bytes) -> int:
        """Write and count."""
        self._count(data)
        view = memoryview(data)
        while view:
            view = view[self._stream.write(view) :]
        return len(data)

    def read(self, size: int = -1) -> bytes:
        """Read and count."""
        data: bytes = self._stream.read(size)
        self._count(data)
        return data

    def drain(self) -> None:
        """Read what is left."""
        while self.read(BLOCK):
            pass

    def _count(self, data: bytes) -> None:
        self._digest.update(data)
        self.size_bytes += len(data)


@contextmanager
def running(
    argv: Sequence[str], *, why: str, advice: str, user: str | None = None, reads: bool = False, writes: bool = False
) -> Iterator[subprocess.Popen[bytes]]:
    """A program at work; left without an error, it has ended well.

    Args:
        user: the account to become; only root can become somebody else.
        reads: whether it has a standard input to write to; it is closed at the end.
        writes: whether it has a standard output to read from.

    Raises:
        DeviceError: it failed; the end of what it said is in the text.
    """
    uid, gid = accounts.ids(user) if user and os.geteuid() == 0 else (None, None)
    with tempfile.TemporaryFile() as said:
        process = subprocess.Popen(
            argv,
            stdin=subprocess.PIPE if reads else subprocess.DEVNULL,
            stdout=subprocess.PIPE if writes else subprocess.DEVNULL,
            stderr=said,
            env=BASE_ENVIRONMENT,
            cwd="/",
            user=uid,
            group=gid,
            extra_groups=None if uid is None else [],
        )
        try:
            yield process
            if process.stdin:
                process.stdin.close()
            status = process.wait()
        except BrokenPipeError:
            # It has closed its input by itself, and is about to say why; or it was another program that did.
            with suppress(subprocess.TimeoutExpired):
                process.wait(_ENDING_SECONDS if reads else 0)
            process.kill()
            status = process.wait()
            if status <= 0:
                raise
        except BaseException:
            process.kill()
            process.wait()
            raise
        finally:
            for pipe in (process.stdin, process.stdout):
                with suppress(OSError):
                    if pipe:
                        pipe.close()
        if status != 0:
            said.seek(0)
            tail = said.read().decode(errors="replace")[-_TAIL_BYTES:].strip()
            raise DeviceError(f"{why}: {argv[0]} ended with status {status}\n{tail}", advice=advice)


@contextmanager
def into(argv: Sequence[str], sink: Writable, *, why: str, advice: str) -> Iterator[IO[bytes]]:
    """What is written goes through a program, and what that writes goes to `sink`."""
    with running(argv, why=why, advice=advice, reads=True, writes=True) as process, ThreadPoolExecutor(1) as pool:
        assert process.stdin
        assert process.stdout
        carrying = pool.submit(_carry, process, process.stdout, sink)
        try:
            yield process.stdin
            process.stdin.close()
        except BaseException as error:
            process.kill()
            raise (carrying.exception() or error) from error
        carrying.result()


@contextmanager
def out_of(argv: Sequence[str], source: Readable, *, why: str, advice: str) -> Iterator[IO[bytes]]:
    """What `source` holds goes through a program; what that writes can be read, and is read to its end."""
    with running(argv, why=why, advice=advice, reads=True, writes=True) as process, ThreadPoolExecutor(1) as pool:
        assert process.stdin
        assert process.stdout
        carrying = pool.submit(_carry, process, source, process.stdin)
        try:
            yield process.stdout
            while process.stdout.read(BLOCK):
                pass
        except BaseException:
            process.kill()
            raise
        carrying.result()


def _carry(process: subprocess.Popen[bytes], source: Readable, sink: Writable) -> None:
    try:
        copyfileobj(source, sink, BLOCK)
        if sink is process.stdin:
            process.stdin.close()
    except BrokenPipeError:
        # A program that ends before its input does says by its status whether that is well.
        if sink is not process.stdin:
            process.kill()
            raise
    except BaseException:
        process.kill()
        raise
