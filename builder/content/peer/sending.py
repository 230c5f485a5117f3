"""From a file to a socket, by the kernel alone."""

from __future__ import annotations

import os
import select
import socket
from collections.abc import Callable, Iterable
from typing import Final

from builder.content.peer.stored import Span
from builder.units import MIB

_STEP: Final = 4 * MIB
"""Bytes between two calls of `advance` at most."""


class CutShort(Exception):
    """The file became shorter since it was looked at."""


def send(connection: socket.socket, holder: int, spans: Iterable[Span], *, advance: Callable[[int], None]) -> None:
    """Send spans of an open file, or of a card. `advance` hears of the bytes that were taken.

    Raises:
        CutShort: the file ends before the spans do.
        TimeoutError: the other side takes nothing.
        OSError: it is gone, or the file cannot be read.
    """
    for span in spans:
        done = 0
        while done < span.length:
            count = min(_STEP, span.length - done)
            if span.start is None:
                connection.sendall(bytes(count))
            else:
                count = _some(connection, holder, span.start + done, count)
            done += count
            advance(count)


def _some(connection: socket.socket, holder: int, start: int, count: int) -> int:
    # Not socket.sendfile: that asks fstat for the size, which for a card is 0.
    while True:
        try:
            sent = os.sendfile(connection.fileno(), holder, start, count)
        except BlockingIOError:
            _wait(connection)
            continue
        if sent == 0:
            raise CutShort
        return sent


def _wait(connection: socket.socket) -> None:
    """A socket with a time limit never blocks in the kernel."""
    limit = connection.gettimeout()
    ready = select.poll()
    ready.register(connection, select.POLLOUT)
    if not ready.poll(None if limit is None else limit * 1000):
        raise TimeoutError
