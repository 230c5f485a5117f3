"""QEMU's machine protocol, as much of it as a boot test needs: commands, and the events that tell what the guest did.

Outside facts: QEMU Machine Protocol Specification and the QMP reference (docs/interop), stable since QEMU 2.x.
"""

from __future__ import annotations

import json
import re
import socket
from collections import deque
from dataclasses import dataclass
from typing import Any, Final

from builder.errors import BootTestFailed

_FORWARD: Final = re.compile(r"TCP\[HOST_FORWARD\]\s+\d+\s+\S+\s+(\d+)\s+\S+\s+(\d+)")


_DETAILS: Final = ("reason", "action", "open")
"""What tells one event from another of the same name."""


class Closed(BootTestFailed):
    """QEMU closed the connection: it has ended or is about to."""

    def __init__(self) -> None:
        super().__init__("the virtual machine ended")


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """Something that happened to the guest, such as `SHUTDOWN` with the detail `guest-shutdown`."""

    name: str
    detail: str


class Lines:
    """Whole lines out of a stream socket."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._rest = b""

    def fileno(self) -> int:
        """The descriptor, for select()."""
        return self._connection.fileno()

    def read(self) -> list[bytes]:
        """What has arrived; waits if nothing has.

        Raises:
            Closed: the other side is gone.
        """
        try:
            data = self._connection.recv(65536)
        except ConnectionResetError as error:
            raise Closed from error
        if not data:
            raise Closed
        *lines, self._rest = (self._rest + data).split(b"\n")
        return lines

    def write(self, message: object) -> None:
        """Send one JSON line.

        Raises:
            Closed: the other side is gone.
        """
        try:
            self._connection.sendall(json.dumps(message).encode() + b"\n")
        except (BrokenPipeError, ConnectionResetError) as error:
            raise Closed from error


class Control:
    """A connection to QEMU."""

    def __init__(self, connection: socket.socket) -> None:
        self.lines = Lines(connection)
        self.events: deque[Event] = deque()
        self._answers: deque[dict[str, Any]] = deque()
        self._greeted = False

    def greet(self) -> None:
        """Begin the conversation; returns when QEMU is up.

        Raises:
            Closed: it ended instead; its standard error says why.
        """
        while not self._greeted:
            self.receive()
        self.execute("qmp_capabilities")

    def receive(self) -> None:
        """Take in what QEMU said; waits if it said nothing."""
        for line in self.lines.read():
            message = json.loads(line)
            if "event" in message:
                data = message.get("data", {})
                detail = next((str(data[key]) for key in _DETAILS if key in data), "")
                self.events.append(Event(name=message["event"], detail=detail))
            elif "QMP" in message:
                self._greeted = True
            else:
                self._answers.append(message)

    def execute(self, command: str, **arguments: object) -> Any:
        """Carry out a command and return its answer.

        Raises:
            BootTestFailed: QEMU refused it.
            Closed: QEMU has ended.
        """
        self.lines.write({"execute": command, "arguments": arguments})
        while not self._answers:
            self.receive()
        answer = self._answers.popleft()
        if "error" in answer:
            raise BootTestFailed(f"QEMU refused {command}", details=answer["error"]["desc"])
        return answer["return"]

    def forwards(self) -> dict[int, int]:
        """The host's port for each forwarded port of the guest."""
        text: str = self.execute("human-monitor-command", **{"command-line": "info usernet"})
        return parse_forwards(text)


def parse_forwards(text: str) -> dict[int, int]:
    """Guest ports and their host ports, from the text of `info usernet`, the only place that tells them."""
    return {int(guest): int(host) for host, guest in _FORWARD.findall(text)}
