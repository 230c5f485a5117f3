"""A machine with a new card, for tests that look at more of it than `satchel test` does."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from builder.boot import card
from builder.boot.accelerator import choose
from builder.boot.console import plain
from builder.boot.diary import Patience
from builder.boot.machine import CARD, MachineSpec
from builder.boot.session import Session, session
from builder.boot.subject import Firmware
from builder.disk.image import disk_image
from builder.host.sandbox import Sandbox
from builder.host.tools import ensure_lab
from builder.progress import Reporter
from builder.units import GIB
from tests.conftest import REPOSITORY


def built(recipe: Path, dist: Path, *options: str) -> Path:
    """The image of a recipe, in parts."""
    argv = ("build", str(recipe), "--dist", str(dist), "--split", "--progress", "plain", *options)
    env = {**os.environ, "PYTHONPATH": str(REPOSITORY)}
    subprocess.run((sys.executable, "-m", "builder", *argv), env=env, check=True)
    (image,) = dist.glob("*/*.vmdk")
    return image


@dataclass(frozen=True, slots=True, kw_only=True)
class Machine:
    """One that runs."""

    device: Session
    patience: Patience
    sandbox: Sandbox
    directory: Path
    """What the sandbox shows at MACHINE."""


@contextmanager
def machine(
    name: str,
    image: Path,
    directory: Path,
    *,
    computer: str = "",
    room: int = GIB,
    ports: tuple[int, ...] = (),
    prepare: Callable[[Sandbox, Path], None] = lambda _sandbox, _directory: None,
    extra: tuple[str, ...] = (),
    cables: tuple[int, ...] = (),
) -> Iterator[Machine]:
    """Switch on a machine with the image on its card; it is gone when the block ends. Only `in_namespace`.

    Args:
        name: Of the machine, of its directory and of its logs.
        image: Whole or split.
        directory: Where its own directory and its logs are made.
        computer: Whose numbers it has, when not its own; see `MachineSpec`.
        room: Bytes of the card beyond the image.
        ports: Ports of the device that the host reaches.
        prepare: What to do to the card before; gets the sandbox and the machine's own directory.
        extra: More options of QEMU's.
        cables: What connects it with other machines; see `process.cable`.
    """
    tools = ensure_lab(Reporter())
    accelerator = choose(tools, directory)
    spec = MachineSpec(
        name=name,
        computer=computer,
        firmware=Firmware.UEFI,
        architecture=accelerator.architecture,
        acceleration=accelerator.kind,
        ports=ports,
        cables=cables,
    )
    own = directory / name
    own.mkdir()
    size = disk_image(image).size_bytes + room
    sandbox = card.insert(tools, accelerator, image, card_bytes=size, directory=own)
    prepare(sandbox, own)
    with session(sandbox, spec, logs=directory, cancelled=threading.Event(), extra=extra) as device:
        patience = Patience.with_accelerator(accelerator)
        yield Machine(device=device, patience=patience, sandbox=sandbox, directory=own)


def console(directory: Path, name: str) -> str:
    """What a machine said on its serial console, without colours."""
    return plain((directory / f"{name}.console.log").read_text(errors="replace"))


def card_of(directory: Path, name: str) -> Path:
    """The card of a machine: a qcow2 file over its image."""
    return directory / name / Path(CARD).name
