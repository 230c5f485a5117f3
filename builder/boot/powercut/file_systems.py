"""Whether the file systems of a device that was switched off are in order, by their own checkers. Nothing is mended."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from builder.boot import card
from builder.boot.machine import CARD, MACHINE
from builder.boot.powercut.judgement import Fault, Outcome
from builder.disk.read import Table
from builder.errors import CommandFailed
from builder.host.sandbox import Sandbox
from builder.host.tools import Tools

_CHECKERS: Final = {
    "btrfs": ("btrfs", "check", "--readonly"),
    "ext4": ("e2fsck", "-f", "-n"),
    "vfat": ("fsck.vfat", "-n"),
}
_COPY: Final = "partition.img"


def examine(tools: Tools, image: Path, table: Table, directory: Path) -> list[Fault]:
    """What the checkers find on a card.

    Args:
        tools: The lab.
        image: The image below the card.
        table: The image's partition table; a partition that grew is looked at to its end.
        directory: The machine's directory, with the card.
    """
    sandbox = card.look(tools, image, directory)
    found = []
    for partition in table.partitions:
        last = partition is table.partitions[-1]
        if complaint := _complaint(sandbox, partition.start_bytes, None if last else partition.size_bytes):
            text = f"the file system in partition {partition.name or partition.number}: {complaint}"
            found.append(Fault(outcome=Outcome.UNHEALTHY, text=text))
    (directory / _COPY).unlink(missing_ok=True)
    return found


def _complaint(sandbox: Sandbox, start: int, size: int | None) -> str:
    copy = f"{MACHINE}/{_COPY}"
    window = f"driver=raw,offset={start},file.driver=qcow2,file.file.driver=file,file.file.filename={CARD}"
    window += "" if size is None else f",size={size}"
    sandbox.run(("qemu-img", "convert", "--image-opts", "-O", "raw", window, copy), why="take a partition off the card")
    probed = sandbox.run(("blkid", "-p", "-o", "value", "-s", "TYPE", copy), why="find a file system", accept=(0, 2))
    checker = _CHECKERS.get(probed.strip())
    if checker is None:
        return ""
    try:
        sandbox.run((*checker, copy), why="check a file system")
    except CommandFailed as error:
        return error.tail
    return ""
