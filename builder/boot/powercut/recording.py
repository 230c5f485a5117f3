"""Record the writes of one first boot, from power-on to power-off, and where in them each of its steps began."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from pydantic import BaseModel, ConfigDict, ValidationError

from builder.boot import card
from builder.boot.answer import Identity
from builder.boot.console import plain
from builder.boot.diary import Bench
from builder.boot.machine import CARD, MACHINE, WRITES, MachineSpec
from builder.boot.powercut.log import Log, count, read
from builder.boot.powercut.medium import Fate, extents
from builder.boot.powercut.qcow2 import Layer, write_layer
from builder.boot.session import session
from builder.boot.subject import Subject, stamp
from builder.boot.verdict import judge
from builder.errors import BootTestFailed, CommandFailed

_STEP: Final = re.compile(r"^\[\d+/\d+\] (.+)$", re.MULTILINE)
"""What first boot says on the console when a step begins."""

_LOOK_S: Final = 0.05

STARTING: Final = "starting"
SERVING: Final = "serving"
LEAVING: Final = "switching off"

LOG_NAME: Final = "writes.log"
_FACTS_NAME: Final = "recording.json"
_NAME: Final = "recording"

COMPUTER: Final = "power cuts"
"""Every boot is one of the same computer, so that no device takes itself for a copy."""


class Band(BaseModel):
    """A stretch of the log: from an entry on, the device was busy with this."""

    model_config = ConfigDict(frozen=True)

    start: int
    label: str


class Recording(BaseModel):
    """What was learned while the log was written."""

    model_config = ConfigDict(frozen=True)

    image: str
    """What tells this image from others; see `stamp`."""
    card_bytes: int
    entries: int
    bands: tuple[Band, ...]
    """In order; a step that wrote nothing begins where the next one does."""
    done: int
    """How many entries there were when first boot had been reported as done: from here on all of it must last."""
    identity: Identity

    def band_at(self, position: int) -> Band:
        """The stretch in which the entry before a position lies."""
        return [band for band in self.bands if band.start < max(position, 1)][-1]


def load(directory: Path, image: Path) -> Recording | None:
    """The recording that was kept in a directory; none if there is none of this image."""
    try:
        kept = Recording.model_validate_json((directory / _FACTS_NAME).read_bytes())
    except (OSError, ValidationError):
        return None
    return kept if kept.image == stamp(image) and (directory / LOG_NAME).is_file() else None


def record(subject: Subject, bench: Bench, directory: Path) -> Recording:
    """Boot a new device once and keep what it wrote in `directory`.

    Raises:
        BootTestFailed: it fails without any power cut, or the log is not what the card went through.
    """
    machine = bench.scratch / _NAME
    machine.mkdir()
    writes = machine / Path(WRITES).name
    writes.touch()
    kind = bench.accelerator.kind
    spec = MachineSpec(
        name=_NAME,
        computer=COMPUTER,
        firmware=subject.firmware[0],
        architecture=bench.accelerator.architecture,
        acceleration=kind,
        screen=False,
        recorded=True,
    )
    sandbox = card.insert(
        bench.tools, bench.accelerator, subject.image, card_bytes=subject.card_bytes, directory=machine
    )
    with (
        _steps_watched(bench.logs / f"{_NAME}.console.log", writes) as steps,
        session(sandbox, spec, logs=bench.logs, cancelled=bench.cancelled) as device,
    ):
        device.ask_first_boot(within=bench.patience.first_boot)
        done = count(writes)
        report = device.ask("stay", within=bench.patience.first_boot)
        leaving = count(writes)
        expected = [check.name for check in subject.checks]
        verdict = judge(report, expected=expected, firmware=spec.firmware, console=device.console())
        if not verdict.passed:
            what = "; ".join(verdict.problems)
            raise BootTestFailed(f"first boot fails without any power cut: {what}", details=verdict.evidence)
        device.ask("poweroff", within=bench.patience.restart)
        device.await_poweroff(within=bench.patience.poweroff)
    log = read(writes)
    _check(subject, bench, log, machine)
    writes.replace(directory / LOG_NAME)
    bands = (Band(start=0, label=STARTING), *steps, Band(start=done, label=SERVING), Band(start=leaving, label=LEAVING))
    recording = Recording(
        image=stamp(subject.image),
        card_bytes=subject.card_bytes,
        entries=len(log.entries),
        bands=bands,
        done=done,
        identity=report.identity,
    )
    (directory / _FACTS_NAME).write_text(recording.model_dump_json(indent=1) + "\n")
    return recording


@contextmanager
def _steps_watched(console: Path, writes: Path) -> Iterator[list[Band]]:
    """Note how long the log is when a step is announced; one that is announced again counts once."""
    found: list[Band] = []
    over = threading.Event()

    def watch() -> None:
        while not over.wait(_LOOK_S):
            text = plain(console.read_text(errors="replace")) if console.exists() else ""
            known = {band.label for band in found}
            found.extend(Band(start=count(writes), label=label) for label in _STEP.findall(text) if label not in known)

    console.unlink(missing_ok=True)
    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    try:
        yield found
    finally:
        over.set()
        watcher.join()


def _check(subject: Subject, bench: Bench, log: Log, machine: Path) -> None:
    """The log must lead from the image to the card as it is now. Discards did not reach the card; see `machine`."""
    written = [Fate(entry=entry, sectors=(range(entry.sectors),)) for entry in log.entries if entry.data is not None]
    layer = machine / "whole.qcow2"
    below = card.below(subject.image)
    write_layer(layer, Layer(content=extents(written), log=log.path), size_bytes=subject.card_bytes, below=below)
    sandbox = card.look(bench.tools, subject.image, machine)
    compare = ("qemu-img", "compare", "-f", "qcow2", "-F", "qcow2", f"{MACHINE}/{layer.name}", CARD)
    try:
        sandbox.run(compare, why="compare the log with the card")
    except CommandFailed as error:
        raise BootTestFailed("the log of writes is not what the card went through", details=error.tail) from error
    layer.unlink()
