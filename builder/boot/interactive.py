"""Run an image for a person: its console on the terminal, its ports on this machine, nothing written to it."""

from __future__ import annotations

import shutil
import sys
import termios
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from builder.boot import card
from builder.boot.accelerator import Accelerator
from builder.boot.console import tail
from builder.boot.machine import SEED_DISK, DiskBus
from builder.boot.process import running
from builder.boot.qmp import Closed
from builder.boot.raspi3b import computer, direct_start, slot_bytes
from builder.boot.subject import Firmware
from builder.disk.image import disk_image
from builder.errors import BootTestFailed
from builder.host.tools import Tools
from builder.progress import Reporter
from builder.units import GIB

_NAMES: Final = {22: "ssh -p {port} 127.0.0.1", 443: "https://127.0.0.1:{port}"}


def boot(
    image: Path,
    *,
    tools: Tools,
    accelerator: Accelerator,
    firmware: Firmware,
    ports: tuple[int, ...],
    scratch: Path,
    seed: Path | None,
    reporter: Reporter,
) -> int:
    """Run until the device or the person switches it off.

    Args:
        image: The image, whole or split; it stays as it is.
        tools: Where QEMU comes from.
        accelerator: What runs it.
        firmware: What starts it.
        ports: TCP ports of the device to forward to this machine.
        scratch: Where the card's changes lie while it runs, in a directory of their own.
        seed: A disk for its CD drive that tells the device who to become.
        reporter: Told how to reach it and how to leave.

    Returns:
        0, the exit code of a machine that was switched off.

    Raises:
        BootTestFailed: QEMU ended badly.
        CommandFailed: it did not start.
    """
    spec = computer(image.stem, firmware, accelerator)
    spec = replace(spec, ports=ports, seed_disk=seed is not None, monitor_keys=True)
    on_board = spec.bus is DiskBus.SD
    with TemporaryDirectory(prefix="boot-", dir=scratch) as name:
        directory = Path(name)
        size = disk_image(image).size_bytes + 4 * GIB
        size = slot_bytes(size) if on_board else size
        sandbox = card.insert(tools, accelerator, image, card_bytes=size, directory=directory)
        if on_board:
            spec = replace(spec, direct=direct_start(sandbox, image))
        if seed is not None:
            shutil.copyfile(seed, directory / Path(SEED_DISK).name)
        errors = directory / "qemu.log"

        def command_line(control: int, _agent: int) -> tuple[str, ...]:
            # Without the agent's port the device is as in the field: no agent runs.
            return spec.argv(control=control, agent=None)

        reporter.note(f"{image.name} by {firmware} under {accelerator.kind} ({accelerator.reason})")
        with (
            _terminal_kept(),
            running(sandbox, command_line, console=None, errors=errors, foreground=True) as qemu,
        ):
            # A person may leave at once.
            with suppress(Closed):
                _tell(reporter, qemu.control.forwards())
            while not qemu.exited():
                qemu.listen(1)
            status = qemu.status(0)
            if status != 0:
                raise BootTestFailed(f"the virtual machine ended with status {status}", details=tail(qemu.errors()))
    return 0


def _tell(reporter: Reporter, forwards: Mapping[int, int]) -> None:
    for guest, host in sorted(forwards.items()):
        where = _NAMES.get(guest, "http://127.0.0.1:{port}").format(port=host)
        reporter.note(f"port {guest} of the device: {where}")
    reporter.note("Ctrl-A X switches it off, Ctrl-A H shows more; nothing is written to the image")


@contextmanager
def _terminal_kept() -> Iterator[None]:
    """Give the terminal back as it was: QEMU sets it raw, and cannot undo that when it is killed."""
    if not sys.stdin.isatty():
        yield
        return
    before = termios.tcgetattr(sys.stdin)
    try:
        yield
    finally:
        termios.tcsetattr(sys.stdin, termios.TCSADRAIN, before)
