"""Visit one point: reconstruct the card as the power cut left it, boot it, ask, and cut the power again."""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final
from zlib import crc32

from builder.boot import card
from builder.boot.answer import FirstBootAnswer
from builder.boot.card import Below
from builder.boot.diary import Bench
from builder.boot.machine import CARD, MACHINE, WRITES, MachineSpec
from builder.boot.outcome import NoReport
from builder.boot.outcome import Outcome as Silence
from builder.boot.powercut.file_systems import examine
from builder.boot.powercut.judgement import Fault, Outcome, differences, judge_answer
from builder.boot.powercut.log import Log, read
from builder.boot.powercut.medium import Kind, Point, extents, fates, flushed_until, open_writes
from builder.boot.powercut.qcow2 import Layer, write_layer
from builder.boot.powercut.recording import COMPUTER, Recording
from builder.boot.powercut.results import Visit
from builder.boot.powercut.start import FirmwareArea, direct_options
from builder.boot.session import Session, session
from builder.boot.subject import Firmware, Subject
from builder.boot.verdict import judge
from builder.disk.read import Table

_THOROUGH_EVERY: Final = 10
_AGAIN_EVERY: Final = 3
_FIRMWARE_EVERY: Final = 8

_MEMORY_MIB: Final = 1024
_CUT, _CUT_AGAIN = "cut.qcow2", "cut-again.qcow2"
_KINDS_OF_SECOND: Final = (Kind.NONE, Kind.SOME, Kind.TORN)


@dataclass(frozen=True, slots=True, kw_only=True)
class Expedition:
    """What all visits of a run share."""

    subject: Subject
    table: Table
    bench: Bench
    recording: Recording
    log: Log


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """How one point is visited; its name decides, so that it is visited in the same way whenever it is."""

    by_firmware: bool
    thorough: bool
    """Wait until the system has settled, carry out the recipe's checks, look at the file systems."""
    again: bool
    """Cut the power again, as soon as first boot is done."""


def plan(point: Point, expedition: Expedition) -> Plan:
    """Sample what takes long; firmware must start what it may find damaged."""
    number = crc32(point.name.encode())
    lost = open_writes(expedition.log.entries, point.position)
    area = FirmwareArea(table=expedition.table)
    thorough = number // 8 % _THOROUGH_EVERY == 0
    return Plan(
        by_firmware=number % _FIRMWARE_EVERY == 0 or area.touched_by(lost),
        thorough=thorough,
        again=not thorough and number // 80 % _AGAIN_EVERY == 0,
    )


def visit(point: Point, expedition: Expedition) -> Visit:
    """Visit a point, a second time if the emulator stalled.

    Raises:
        CommandFailed: a machine could not be made or started.
        Cancelled: the run is over.
    """
    started = time.monotonic()
    journey = _Journey(point, expedition)
    faults = journey.once()
    if any(fault.outcome is Outcome.STALLED for fault in faults):
        journey = _Journey(point, expedition)
        faults = journey.once()
    entries = expedition.log.entries
    return Visit(
        name=point.name,
        position=point.position,
        flushed=flushed_until(entries, point.position),
        kind=point.kind,
        step=expedition.recording.band_at(point.position).label,
        started=journey.started,
        thorough=journey.plan.thorough,
        again=journey.plan.again,
        faults=faults,
        identity=None if journey.answer is None else journey.answer.identity,
        console=journey.console if faults else "",
        seconds=round(time.monotonic() - started, 1),
    )


class _Journey:
    """The boots of one reconstructed card."""

    def __init__(self, point: Point, expedition: Expedition) -> None:
        self.plan = plan(point, expedition)
        self.answer: FirstBootAnswer | None = None
        self.console = ""
        self.started = ""
        self._point = point
        self._expedition = expedition

    def once(self) -> tuple[Fault, ...]:
        """Everything that is wrong."""
        bench = self._expedition.bench
        with TemporaryDirectory(prefix=f"{self._point.name}-", dir=bench.scratch) as name:
            directory = Path(name)
            try:
                faults = self._boots(directory)
            except NoReport as silence:
                self.console = silence.evidence
                outcome = Outcome.STALLED if silence.outcome is Silence.STALLED else Outcome.BRICK
                faults = (Fault(outcome=outcome, text=str(silence).partition("\n")[0]),)
            if faults:
                console = directory / f"{self._point.name}.console.log"
                shutil.copyfile(console, bench.logs / console.name)
            return faults

    def _boots(self, directory: Path) -> tuple[Fault, ...]:
        expedition = self._expedition
        left = self._left_over(expedition.log, self._point)
        self._lay(directory / _CUT, left, over=card.below(expedition.subject.image))
        direct = self._direct(directory, left)
        firmware = self._firmware()
        self.started = "direct" if direct else str(firmware)
        spec = MachineSpec(
            name=self._point.name,
            computer=COMPUTER,
            firmware=firmware,
            architecture=expedition.bench.accelerator.architecture,
            acceleration=expedition.bench.accelerator.kind,
            processors=1,
            memory_mib=_MEMORY_MIB,
            screen=False,
            direct=direct,
        )
        faults = self._first(directory, spec)
        if not faults and self.plan.again:
            faults = self._second(directory, spec, left)
        return tuple(faults)

    @staticmethod
    def _left_over(log: Log, point: Point) -> Layer:
        return Layer(content=extents(fates(log.entries, point)), log=log.path)

    def _direct(self, directory: Path, *layers: Layer) -> tuple[str, ...]:
        """Options to start the card's kernel; none if its firmware shall start it."""
        if self.plan.by_firmware:
            return ()
        expedition = self._expedition
        sandbox = card.look(expedition.bench.tools, expedition.subject.image, directory)
        return direct_options(sandbox, expedition.subject.image, expedition.table, layers, directory=directory)

    def _first(self, directory: Path, spec: MachineSpec) -> list[Fault]:
        """The boot after the power cut. When the power shall be cut again, that happens while it is still starting."""
        expedition = self._expedition
        with self._switched_on(directory, replace(spec, recorded=self.plan.again), _CUT) as device:
            faults = self._ask(device)
            if faults or not self.plan.thorough:
                return faults
            faults = self._wait_for_the_rest(device)
        return faults or examine(expedition.bench.tools, expedition.subject.image, expedition.table, directory)

    def _ask(self, device: Session) -> list[Fault]:
        self.answer = device.ask_first_boot(within=self._expedition.bench.patience.first_boot)
        self.console = device.console()
        gift = self._expedition.subject.gift
        told = gift.expected if gift else {}
        return list(judge_answer(self.answer, like=self._expedition.recording.identity, told=told))

    def _wait_for_the_rest(self, device: Session) -> list[Fault]:
        bench, expected = self._expedition.bench, [check.name for check in self._expedition.subject.checks]
        report = device.ask("poweroff", within=bench.patience.first_boot)
        self.console = device.console()
        device.await_poweroff(within=bench.patience.poweroff)
        verdict = judge(report, expected=expected, firmware=report.firmware)
        return [Fault(outcome=Outcome.UNHEALTHY, text=problem) for problem in verdict.problems]

    def _second(self, directory: Path, spec: MachineSpec, left: Layer) -> list[Fault]:
        """Lose what the first boot had not flushed, and boot once more."""
        before = self.answer
        log = read(directory / Path(WRITES).name)
        kind = _KINDS_OF_SECOND[self._point.variant % len(_KINDS_OF_SECOND)]
        end = Point(position=len(log.entries), kind=kind, variant=self._point.variant)
        left_again = self._left_over(log, end)
        self._lay(directory / _CUT_AGAIN, left_again, over=_layer(_CUT))
        (directory / Path(CARD).name).unlink()
        # What starts the card may have changed, too.
        spec = replace(spec, direct=self._direct(directory, left, left_again))
        with self._switched_on(directory, spec, _CUT_AGAIN) as device:
            faults = self._ask(device)
        if before is not None and self.answer is not None:
            changed = differences(before.identity, self.answer.identity, when="with the second power cut")
            faults += changed.values()
        return faults

    def _lay(self, path: Path, layer: Layer, *, over: Below) -> None:
        write_layer(path, layer, size_bytes=self._expedition.recording.card_bytes, below=over)

    @contextmanager
    def _switched_on(self, directory: Path, spec: MachineSpec, layer: str) -> Iterator[Session]:
        expedition, bench = self._expedition, self._expedition.bench
        if spec.recorded:
            (directory / Path(WRITES).name).touch()
        sandbox = card.insert(
            bench.tools,
            bench.accelerator,
            expedition.subject.image,
            card_bytes=expedition.recording.card_bytes,
            directory=directory,
            over=_layer(layer),
        )
        with session(sandbox, spec, logs=directory, cancelled=bench.cancelled) as device:
            yield device

    def _firmware(self) -> Firmware:
        # A Raspberry Pi's firmware is what QEMU cannot run.
        offered = [each for each in self._expedition.subject.firmware if each is not Firmware.RASPBERRY_PI]
        return offered[crc32(self._point.name.encode()) % 7 % len(offered)]


def _layer(name: str) -> Below:
    return Below(path=f"{MACHINE}/{name}", format="qcow2")
