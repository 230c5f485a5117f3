"""Many devices of one image: each boots a card of its own for the first time, and no two may share anything.

Two clones prove a great deal, and cannot prove that a number which is drawn from too few is drawn anew.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from pydantic import BaseModel, ConfigDict

from builder.boot import card
from builder.boot.answer import Identity
from builder.boot.diary import Bench
from builder.boot.gift import give
from builder.boot.kept import kept_in
from builder.boot.machine import MachineSpec
from builder.boot.outcome import NoReport, Outcome
from builder.boot.powercut.start import direct_options
from builder.boot.session import session
from builder.boot.side_by_side import for_each
from builder.boot.subject import Subject, stamp
from builder.disk.read import Table

RESULTS: Final = "clones.jsonl"
"""A line for each device, so that a run that was broken off goes on where it was."""

COLUMNS: Final = {
    "facility_code": "code",
    "hostname": "host name",
    "facility_id": "facility",
    "instance_id": "instance",
    "machine_id": "machine",
    "ssh_host_keys.ed25519": "SSH key",
    "disk_guid": "disk",
    "filesystem_uuids.root": "root",
}
"""The fields that the table shows; all are compared."""

_WHOLE: Final = ("facility_code", "hostname")
_WIDEST: Final = 8
_MEMORY_MIB: Final = 1024


class Clone(BaseModel):
    """One device after its first boot, or why there is none."""

    model_config = ConfigDict(frozen=True)

    name: str
    image: str
    """What tells the image that it was made of from others; see `stamp`."""
    identity: Identity | None = None
    problem: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Clones:
    """All devices, in order of their names."""

    image: str
    clones: tuple[Clone, ...]

    @property
    def shared(self) -> dict[str, int]:
        """Fields that not every device has for itself, with the number of devices that do not."""
        known = [clone.identity.fields() for clone in self.clones if clone.identity]
        names = dict.fromkeys(name for fields in known for name, value in fields.items() if value)
        counts = {name: Counter(fields.get(name) for fields in known) for name in names}
        found = {
            name: sum(times for value, times in count.items() if times > 1 or value is None)
            for name, count in counts.items()
        }
        return {name: number for name, number in found.items() if number}

    @property
    def passed(self) -> bool:
        """Whether every device came up and shares nothing."""
        return bool(self.clones) and all(clone.identity for clone in self.clones) and not self.shared


def boot_many(subject: Subject, table: Table, bench: Bench, *, count: int, together: bool) -> Clones:
    """Boot `count` cards for the first time, each in a computer of its own, until first boot is done.

    The kernel is started without the firmware's loaders: that those work, the boot test proves. A device of the same
    image that an earlier run left in the bench's logs is not made again, unless it failed.

    Raises:
        CommandFailed: a machine could not be made or started.
    """
    image, kept = stamp(subject.image), bench.logs / RESULTS
    names = [f"clone-{number:03}" for number in range(1, count + 1)]
    found = {clone.name: clone for clone in load(kept) if clone.image == image and clone.identity}
    wanted = [name for name in names if name not in found]
    if len(wanted) < count:
        bench.reporter.note(f"{count - len(wanted)} of {count} devices became somebody earlier")

    def keep(clone: Clone) -> None:
        found[clone.name] = clone
        with kept.open("a", encoding="utf-8") as file:
            file.write(clone.model_dump_json() + "\n")

    def boot(name: str) -> Clone:
        identity, problem = _boot(name, subject, table, bench)
        return Clone(name=name, image=image, identity=identity, problem=problem)

    for_each(wanted, boot, bench, title="first boots", unit=" devices", together=together, heard=keep)
    return Clones(image=subject.image.name, clones=tuple(found[name] for name in names))


def load(path: Path) -> tuple[Clone, ...]:
    """The devices in a file of results."""
    return tuple(kept_in(path, Clone))


def _boot(
    name: str, subject: Subject, table: Table, bench: Bench, *, again: bool = True
) -> tuple[Identity | None, str]:
    """Whom the device became, or nobody and why."""
    with TemporaryDirectory(prefix=f"{name}-", dir=bench.scratch) as made:
        directory = Path(made)
        sandbox = card.insert(
            bench.tools, bench.accelerator, subject.image, card_bytes=subject.card_bytes, directory=directory
        )
        if subject.common:
            give(sandbox, directory, subject.common)
        spec = MachineSpec(
            name=name,
            firmware=subject.firmware[0],
            architecture=bench.accelerator.architecture,
            acceleration=bench.accelerator.kind,
            processors=1,
            memory_mib=_MEMORY_MIB,
            screen=False,
            direct=direct_options(sandbox, subject.image, table, (), directory=directory),
        )
        try:
            with session(sandbox, spec, logs=bench.logs, cancelled=bench.cancelled) as device:
                answer = device.ask_first_boot(within=bench.patience.first_boot)
        except NoReport as silence:
            if silence.outcome is Outcome.STALLED and again:
                return _boot(name, subject, table, bench, again=False)
            return None, str(silence).partition("\n")[0]
    if answer.undone or answer.state != "active":
        return None, f"first boot is {answer.state}; not done: {', '.join(answer.undone)}"
    return answer.identity, ""


def to_text(result: Clones) -> str:
    """A line for each device, and what is shared."""
    rows = [("", *COLUMNS.values()), *map(_row, result.clones)]
    widths = [max(len(row[column]) for row in rows if column < len(row)) for column in range(len(rows[0]))]
    lines = ["  ".join(f"{cell:<{width}}" for cell, width in zip(row, widths, strict=False)).rstrip() for row in rows]
    compared = len({name for clone in result.clones if clone.identity for name in clone.identity.fields()})
    up = sum(clone.identity is not None for clone in result.clones)
    verdict = [f"{name} is not its own on {number} devices" for name, number in result.shared.items()]
    summary = f"{up} of {len(result.clones)} first boots of {result.image} done; {compared} fields compared"
    return "\n".join([*lines, "", summary, *(verdict or ["no two devices share one of them"])]) + "\n"


def _row(clone: Clone) -> Sequence[str]:
    if clone.identity is None:
        return (clone.name, clone.problem)
    fields = clone.identity.fields()
    return (clone.name, *(_cell(name, fields) for name in COLUMNS))


def _cell(name: str, fields: Mapping[str, str | None]) -> str:
    value = (fields.get(name) or "-").removeprefix("SHA256:")
    return value if name in _WHOLE else value[:_WIDEST]


def to_dict(result: Clones) -> dict[str, object]:
    """The same as JSON values, whole."""
    return {
        "passed": result.passed,
        "image": result.image,
        "shared": result.shared,
        "clones": [
            {
                "name": clone.name,
                "problem": clone.problem,
                "identity": clone.identity.fields() if clone.identity else None,
            }
            for clone in result.clones
        ],
    }
