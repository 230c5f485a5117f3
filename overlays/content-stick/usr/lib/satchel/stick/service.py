"""Kolibri's service, which stands still for a moment while its database is exchanged."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

from device.commands import run as run_command

UNIT = "kolibri.service"
_STARTING_SECONDS = 900.0
_STOPPING_SECONDS = 120.0


class Service(Protocol):
    """What can be held still."""

    def hold(self) -> None:
        """Stop it, and keep everybody from starting it.

        Raises:
            DeviceError: it does not stop.
        """

    def release(self) -> None:
        """Let it start again, if it ran before; returns when it serves. Nothing to do when it is not held.

        Raises:
            DeviceError: it does not start.
        """


class SystemdService:
    """Kolibri as systemd runs it. Its unit does not start as long as the mark is there (see content-stick.conf)."""

    def __init__(self, mark: Path) -> None:
        """`mark` lies in memory: a power cut takes it away."""
        self._mark = mark

    def hold(self) -> None:
        """See `Service`."""
        argv = ("systemctl", "show", "--property=ActiveState", "--value", UNIT)
        state = run_command(argv, why="ask for Kolibri").strip()
        self._mark.parent.mkdir(parents=True, exist_ok=True)
        self._mark.write_text("inactive" if state in {"inactive", "failed"} else "ran", encoding="ascii")
        run_command(("systemctl", "stop", UNIT), why="Kolibri does not stop", timeout=_STOPPING_SECONDS)

    def release(self) -> None:
        """See `Service`."""
        if not self._mark.exists():
            return
        ran = self._mark.read_text(encoding="ascii") == "ran"
        self._mark.unlink()
        if not ran:
            return
        argv, advice = ("systemctl", "start", UNIT), "Switch the device off and on again."
        run_command(argv, why="Kolibri does not start", advice=advice, timeout=_STARTING_SECONDS)
