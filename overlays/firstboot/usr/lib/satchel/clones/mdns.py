"""A socket that hears what is announced on every network, and asks (RFC 6762)."""

from __future__ import annotations

import select
import socket
import struct
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress

GROUP, PORT = "224.0.0.251", 5353
_TIME_TO_LIVE = 255
_LONGEST_PACKET = 9000
_MOST_A_SECOND = 100
"""A flood is not worth a processor: what comes beyond that is dropped unread."""
_LOOPBACK = "lo"


class Multicast:
    """The open socket."""

    def __init__(self, opened: socket.socket) -> None:
        self._socket = opened
        self._joined: set[int] = set()

    def ask(self, packet: bytes) -> None:
        """Send a question to every network there is now."""
        self._join()
        for index in self._joined:
            with suppress(OSError):
                self._socket.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, _on(index))
                self._socket.sendto(packet, (GROUP, PORT))

    def heard(self, seconds: float) -> Iterator[tuple[bytes, str]]:
        """Packets of others and where they came from, for some seconds."""
        until = time.monotonic() + seconds
        while (left := until - time.monotonic()) > 0:
            self._join()
            if not select.select([self._socket], [], [], min(left, 30))[0]:
                continue
            second = time.monotonic() + 1
            for _ in range(_MOST_A_SECOND):
                try:
                    packet, (address, _) = self._socket.recvfrom(_LONGEST_PACKET)
                except BlockingIOError:
                    break
                except OSError:
                    time.sleep(1)
                    break
                yield packet, address
            else:
                time.sleep(max(0, second - time.monotonic()))

    def _join(self) -> None:
        """Take part on interfaces that came up meanwhile."""
        present = {index for index, name in socket.if_nameindex() if name != _LOOPBACK}
        self._joined &= present
        for index in present - self._joined:
            with suppress(OSError):
                self._socket.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, _on(index))
            self._joined.add(index)


@contextmanager
def multicast() -> Iterator[Multicast]:
    """Share the port of multicast DNS with Kolibri and whoever else listens."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC | socket.SOCK_NONBLOCK) as opened:
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        opened.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_TTL, _TIME_TO_LIVE)
        # Not to every address: what is sent to this device alone is for Kolibri, and only one of us would get it.
        opened.bind((GROUP, PORT))
        yield Multicast(opened)


def is_own(address: str) -> bool:
    """Whether an address is this device's, today: only such a one can be bound."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.bind((address, 0))
        except OSError:
            return False
    return True


def _on(index: int) -> bytes:
    """Struct ip_mreqn (ip(7)) for an interface by its number, which it has even before it has an address."""
    return struct.pack("=4s4si", socket.inet_aton(GROUP), b"\0\0\0\0", index)
