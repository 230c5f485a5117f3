"""A virtual card that holds an image: an overlay of any size, so that nothing is ever written to the image."""

from __future__ import annotations

import shutil
from pathlib import Path

from builder.boot.accelerator import Accelerator
from builder.boot.machine import CARD, IMAGE, MACHINE, OVMF_VARIABLES, VARIABLES
from builder.disk.image import disk_image
from builder.host.sandbox import Mount, Sandbox
from builder.host.tools import Tools


def insert(tools: Tools, accelerator: Accelerator, image: Path, *, card_bytes: int, directory: Path) -> Sandbox:
    """Make a card with the image on it, and the firmware's private variables.

    Args:
        tools: Where QEMU comes from.
        accelerator: What will run the machine.
        image: The image, whole or split; a compressed one is not a disk.
        card_bytes: Size of the card; not below the image's.
        directory: An empty directory for what changes; the machine's own.

    Returns:
        The sandbox in which the machine can run.

    Raises:
        CommandFailed: the card could not be made.
    """
    disk, base = disk_image(image), f"{IMAGE}/{image.name}"
    shutil.copyfile(tools.tree / OVMF_VARIABLES.lstrip("/"), directory / Path(VARIABLES).name)
    sandbox = tools.sandbox(
        Mount(target=MACHINE, source=directory, writable=True),
        *(Mount(target=f"{IMAGE}/{file.name}", source=file) for file in disk.files),
        *accelerator.mounts,
        network=True,
    )
    sandbox.run(
        ("qemu-img", "create", "-q", "-f", "qcow2", "-b", base, "-F", disk.format, CARD, str(card_bytes)),
        why="make a virtual card from the image",
    )
    return sandbox
