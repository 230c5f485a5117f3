"""Run a program whose bytes are read while it runs: an archive from another machine, of any length.

`command` is for programs that say something; this is for those that send something.
"""

from __future__ import annotations

import logging
import shlex
import subprocess
from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from threading import Thread
from typing import IO, Final

from builder.errors import CommandFailed, HostError
from builder.host.command import TAIL_LINES, scrubbed_environment

LOG = logging.getLogger(__name__)

_END_S: Final = 5


class Piped:
    """A program that runs."""

    def __init__(self, output: IO[bytes]) -> None:
        self._tail: deque[str] = deque(maxlen=TAIL_LINES)
        self.output = output
        """What it sends."""

    @property
    def tail(self) -> str:
        """The last lines of what it says about that."""
        return "\n".join(self._tail)

    def hear(self, stream: IO[bytes]) -> None:
        """Take what it says, until it is silent."""
        with stream:
            for line in stream:
                text = line.decode("utf-8", "replace").rstrip("\n")
                LOG.debug("  %s", text)
                self._tail.append(text)


@contextmanager
def piped(
    argv: Sequence[str],
    *,
    why: str,
    stdin: Iterable[bytes] = (),
    env: Mapping[str, str] | None = None,
    accept: Sequence[int] = (0,),
) -> Iterator[Piped]:
    """A program while it runs; at the end of the block it is waited for, or killed if the block failed.

    Args:
        argv: The program and its arguments; never passed through a shell.
        why: What it does for us.
        stdin: What it reads.
        env: Variables added to the scrubbed environment.
        accept: Exit statuses that are not failures.

    Raises:
        CommandFailed: it ended with another status or by a signal.
        HostError: there is no such program.
    """
    LOG.debug("%s\n+ %s", why, shlex.join(argv))
    try:
        process = subprocess.Popen(
            argv,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env={**scrubbed_environment(), **(env or {})},
        )
    except FileNotFoundError as error:
        raise HostError(f"{why}: there is no program {argv[0]}", hint="run `satchel doctor`") from error
    assert process.stdin is not None
    assert process.stdout is not None
    assert process.stderr is not None
    running = Piped(process.stdout)
    threads = (
        Thread(target=_feed, args=(process.stdin, stdin), daemon=True),
        Thread(target=running.hear, args=(process.stderr,), daemon=True),
    )
    for thread in threads:
        thread.start()
    try:
        yield running
        # Whatever nobody wanted: a program that cannot write does not end.
        while process.stdout.read(1 << 20):
            pass
        status = process.wait()
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()
        for thread in threads:
            thread.join(_END_S)
        process.stdout.close()
    if status not in accept:
        raise CommandFailed(argv, why=why, status=status, tail=running.tail)


def _feed(stream: IO[bytes], blocks: Iterable[bytes]) -> None:
    # It may end before it has read everything; its exit status says why.
    with suppress(OSError), stream:
        for block in blocks:
            stream.write(block)
