"""Lines of JSON over a port to the host: virtio-serial, or a USB serial adapter where a machine has no such thing."""

from __future__ import annotations

import json
import os
import time
import tty
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

PORT = Path("/dev/satchel-agent")
"""What udev calls it, whatever it is (61-satchel-agent.rules)."""
_LONGEST_LINE = 65536
_PAUSE_SECONDS = 0.2


@dataclass(frozen=True, slots=True)
class Port:
    """The open port."""

    descriptor: int

    def requests(self) -> Iterator[dict[str, Any]]:
        """Every JSON object that the host sends; what is none is skipped. Never ends: the host comes and goes."""
        pending = b""
        while True:
            # While no host is connected, reading returns nothing at once.
            if not (received := os.read(self.descriptor, 4096)):
                time.sleep(_PAUSE_SECONDS)
                continue
            *lines, pending = (pending + received).split(b"\n")
            pending = pending[-_LONGEST_LINE:]
            yield from (request for line in lines if (request := _decode(line)) is not None)

    def greet(self) -> None:
        """Tell the host that questions are heard from now on."""
        # A line of its own, whatever a firmware or a modem manager has written before.
        self._write(b"\n")
        self.answer({"satchel": 1, "listening": True})

    def answer(self, message: dict[str, Any]) -> None:
        """Send one JSON object."""
        self._write(json.dumps(message, ensure_ascii=True).encode() + b"\n")

    def _write(self, data: bytes) -> None:
        rest = memoryview(data)
        while rest:
            rest = rest[os.write(self.descriptor, rest) :]


def open_port() -> Port:
    """Open the port.

    Raises:
        OSError: it is not there or somebody else has it.
    """
    descriptor = os.open(PORT, os.O_RDWR | os.O_CLOEXEC | os.O_NOCTTY)
    if os.isatty(descriptor):
        tty.setraw(descriptor)
    return Port(descriptor)


def _decode(line: bytes) -> dict[str, Any] | None:
    try:
        request = json.loads(line)
    except ValueError:
        return None
    return request if isinstance(request, dict) and isinstance(request.get("nonce"), str) else None
