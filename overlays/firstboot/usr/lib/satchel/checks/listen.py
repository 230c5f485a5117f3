"""A port that must be open, read from the kernel's table of sockets: asking it would be one more client to log."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from checks.outcome import Outcome

_WAITING = {"tcp": "0A", "udp": "07"}
"""The states of a socket that waits for clients (include/net/tcp_states.h): TCP_LISTEN, and TCP_CLOSE for UDP."""


def check(claim: dict[str, Any]) -> Outcome:
    """Look for the port in both address families."""
    port, protocol = claim["port"], claim.get("protocol", "tcp")
    tables = (Path("/proc/net") / protocol, Path("/proc/net") / f"{protocol}6")
    ports = {port for table in tables if table.exists() for port in open_ports(table.read_text(), protocol)}
    if port in ports:
        return Outcome(ok=True, detail=f"{protocol} port {port} is open")
    return Outcome(ok=False, detail=f"{protocol} port {port} is closed; open: {', '.join(map(str, sorted(ports)))}")


def open_ports(table: str, protocol: str) -> frozenset[int]:
    """The ports that wait for clients, from the text of /proc/net/{tcp,tcp6,udp,udp6} (proc_pid_net(5))."""
    rows = (line.split() for line in table.splitlines()[1:])
    return frozenset(
        int(row[1].rpartition(":")[2], 16) for row in rows if len(row) > 3 and row[3] == _WAITING[protocol]
    )
