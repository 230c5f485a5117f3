"""A virtual card that holds an image: an overlay of any size, so that nothing is ever written to the image."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from builder.boot.accelerator import Accelerator
from builder.boot.machine import CARD, IMAGE, MACHINE, MODELS, VARIABLES
from builder.disk.image import disk_image
from builder.host.sandbox import Mount, Sandbox
from builder.host.tools import Tools


@dataclass(frozen=True, slots=True, kw_only=True)
class Below:
    """A disk that shines through where nothing was written; its path is the one that QEMU sees."""

    path: str
    format: str


def below(image: Path) -> Below:
    """An image that lies below a card."""
    return Below(path=f"{IMAGE}/{image.name}", format=disk_image(image).format)


def insert(
    tools: Tools,
    accelerator: Accelerator,
    image: Path,
    *,
    card_bytes: int,
    directory: Path,
    over: Below | None = None,
) -> Sandbox:
    """Make a card with the image on it, and the firmware's private variables.

    Args:
        tools: Where QEMU comes from.
        accelerator: What will run the machine.
        image: The image, whole or split; a compressed one is not a disk.
        card_bytes: Size of the card; not below the image's.
        directory: A directory for what changes; the machine's own.
        over: What the card lies over instead: something in the machine's directory that lies over the image.

    Returns:
        The sandbox in which the machine can run.

    Raises:
        CommandFailed: the card could not be made.
    """
    base = over or below(image)
    variables = MODELS[accelerator.architecture].uefi_variables
    shutil.copyfile(tools.tree / variables.lstrip("/"), directory / Path(VARIABLES).name)
    sandbox = look(tools, image, directory, accelerator.mounts, network=True)
    sandbox.run(
        ("qemu-img", "create", "-q", "-f", "qcow2", "-b", base.path, "-F", base.format, CARD, str(card_bytes)),
        why="make a virtual card from the image",
    )
    return sandbox


def look(tools: Tools, image: Path, directory: Path, mounts: Sequence[Mount] = (), *, network: bool = False) -> Sandbox:
    """A sandbox that sees an image and a machine's own directory, as QEMU does."""
    return tools.sandbox(
        Mount(target=MACHINE, source=directory, writable=True),
        *(Mount(target=f"{IMAGE}/{file.name}", source=file) for file in disk_image(image).files),
        *mounts,
        network=network,
    )
