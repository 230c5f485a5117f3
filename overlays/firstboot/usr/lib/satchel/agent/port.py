"""Lines of JSON over the virtio-serial port."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

PORT = Path("/dev/virtio-ports/org.satchel.agent")
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

    def answer(self, message: dict[str, Any]) -> None:
        """Send one JSON object."""
        rest = memoryview(json.dumps(message, ensure_ascii=True).encode() + b"\n")
        while rest:
            rest = rest[os.write(self.descriptor, rest) :]


def open_port() -> Port:
    """Open the port.

    Raises:
        OSError: it is not there or somebody else has it.
    """
    return Port(os.open(PORT, os.O_RDWR | os.O_CLOEXEC))


def _decode(line: bytes) -> dict[str, Any] | None:
    try:
        request = json.loads(line)
    except ValueError:
        return None
    return request if isinstance(request, dict) and isinstance(request.get("nonce"), str) else None
