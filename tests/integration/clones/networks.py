"""Rooms with a network card each, joined by a bridge: network namespaces, as an ordinary user may make them too."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass


@dataclass(frozen=True)
class Room:
    """A network namespace, and its address in the common network."""

    process: int
    address: str

    def command(self, *argv: str) -> tuple[str, ...]:
        """A command that runs in the room."""
        return ("nsenter", f"--net=/proc/{self.process}/ns/net", "--", *argv)


@contextmanager
def rooms(count: int) -> Iterator[list[Room]]:
    """Rooms that hear each other and nobody else."""
    with ExitStack() as stack:
        hub, *processes = (stack.enter_context(_held()) for _ in range(count + 1))
        there = Room(hub, "")
        _run(there.command("ip", "link", "add", "bridge", "type", "bridge", "mcast_snooping", "0"))
        _run(there.command("ip", "link", "set", "bridge", "up"))
        made = []
        for number, process in enumerate(processes, start=1):
            room = Room(process, f"10.77.0.{number}")
            link = ("ip", "link", "add", f"port{number}", "type", "veth", "peer", "eth0", "netns", str(process))
            _run(there.command(*link))
            _run(there.command("ip", "link", "set", f"port{number}", "master", "bridge", "up"))
            _run(room.command("ip", "address", "add", f"{room.address}/24", "brd", "+", "dev", "eth0"))
            for card in ("lo", "eth0"):
                _run(room.command("ip", "link", "set", card, "up"))
            _run(room.command("ip", "route", "add", "default", "via", "10.77.0.254"))
            made.append(room)
        yield made


@contextmanager
def _held() -> Iterator[int]:
    """A process that keeps a network namespace alive; its number."""
    argv = ("unshare", "--net", "sh", "-c", "echo ready; exec sleep infinity")
    with subprocess.Popen(argv, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == "ready\n"
            yield process.pid
        finally:
            process.kill()


def _run(argv: tuple[str, ...]) -> None:
    subprocess.run(argv, check=True)
