"""The addresses under which this machine can be reached."""

from __future__ import annotations

import array
import fcntl
import socket
import struct
from collections.abc import Iterator
from typing import Final

_SIOCGIFCONF: Final = 0x8912
_ENTRY: Final = 40
"""Bytes of a struct ifreq on machines of 64 bits (netdevice(7))."""
_MOST: Final = 256


def own_addresses() -> tuple[tuple[str, str], ...]:
    """Every IPv4 address but those of the loopback, with the name of its interface."""
    return tuple((address, name) for address, name in _all() if not address.startswith("127."))


def _all() -> Iterator[tuple[str, str]]:
    room = array.array("B", bytes(_MOST * _ENTRY))
    place, length = room.buffer_info()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        filled = fcntl.ioctl(probe, _SIOCGIFCONF, struct.pack("iP", length, place))
    (used,) = struct.unpack_from("i", filled)
    for at in range(0, used, _ENTRY):
        name = room[at : at + 16].tobytes().partition(b"\0")[0].decode(errors="replace")
        yield socket.inet_ntoa(room[at + 20 : at + 24].tobytes()), name
