"""Words for whoever stands in front of the device: on the screen, on the serial line and in the system's journal."""

from __future__ import annotations

import os
from pathlib import Path


class Screen:
    """Writes lines to standard output (the journal) and to every console the kernel uses.

    /dev/console is only the last of them: on a PC with a serial port the screen would stay dark.
    """

    def __init__(self, *, active: Path, devices: Path) -> None:
        self._active = active
        self._devices = devices

    def say(self, text: str) -> None:
        """Show a line or several."""
        print(text, flush=True)
        try:
            names = self._active.read_text(encoding="ascii").split()
        except OSError:
            names = []
        for name in names:
            self._write(self._devices / name, text)

    @staticmethod
    def _write(device: Path, text: str) -> None:
        """Best effort: a serial line whose other end is asleep must not stop the boot."""
        try:
            descriptor = os.open(device, os.O_WRONLY | os.O_NONBLOCK | os.O_NOCTTY)
        except OSError:
            return
        try:
            os.write(descriptor, text.replace("\n", "\r\n").encode() + b"\r\n")
        except OSError:
            return
        finally:
            os.close(descriptor)
