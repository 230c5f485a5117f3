"""What there is on the targets, and how the last run went, for people and for programs."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass

from backup import known, targets, verifying
from backup.known import Attempt
from backup.manifest import ManifestError
from backup.restoring import Order
from backup.settings import Settings, Target
from backup.shelf import Absent, Shelf, manifest_of
from device.errors import DeviceError
from device.paths import Paths


@dataclass(frozen=True, slots=True, kw_only=True)
class Listed:
    """A backup."""

    name: str
    size_bytes: int
    parts: tuple[str, ...]
    state: str
    """`whole` by the sizes of its files, or `damaged`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """A target."""

    target: str
    state: str
    """`ready`, `absent`, or `failed`."""
    words: str
    device: str
    backups: tuple[Listed, ...]
    others: tuple[str, ...]
    """Other devices with backups there."""
    last: Attempt | None
    """How the last run went here."""


def look(paths: Paths, settings: Settings, target: Target, device: str, *, own: str) -> Seen:
    """What a target has."""
    memory = known.load(paths)
    damaged = memory.damaged.get(target.name, []) if device == own else []
    backups: tuple[Listed, ...] = ()
    others: tuple[str, ...] = ()
    state, words = "ready", ""
    try:
        with targets.opened(paths, settings, target, device) as shelf:
            backups = tuple(_listed(shelf, name, known_damaged=name in damaged) for name in shelf.names())
            others = tuple(name for name in shelf.devices() if name != device)
    except Absent as error:
        state, words = "absent", error.reason
    except (DeviceError, OSError) as error:
        state, words = "failed", str(error)
    last = memory.attempts.get(target.name)
    return Seen(target=target.name, state=state, words=words, device=device, backups=backups, others=others, last=last)


def as_json(seen: list[Seen], order: Order | None) -> str:
    """For programs."""
    found = {"targets": [asdict(each) for each in seen], "restore": asdict(order) if order else None}
    return json.dumps(found, indent=1)


def as_text(seen: list[Seen], order: Order | None) -> str:
    """For people."""
    lines = []
    for each in seen:
        lines.append(f"{each.target}: {each.words or f'{len(each.backups)} backups of {each.device}'}")
        lines += [
            f"  {backup.name}  {_size(backup.size_bytes):>9}  {backup.state:8} {', '.join(backup.parts)}"
            for backup in each.backups
        ]
        if each.others:
            lines.append(f"  also of {', '.join(each.others)} (--device)")
        if each.last and each.last.outcome != "made":
            lines.append(f"  the last run, {each.last.when}: {each.last.outcome}: {each.last.words}")
    if order:
        lines.append(f"A restore of {order.name} ({order.stage}) waits for `confirm` or `back`.")
    return "\n".join(lines)


def _listed(shelf: Shelf, name: str, *, known_damaged: bool) -> Listed:
    try:
        found = manifest_of(shelf, name)
    except (ManifestError, OSError):
        return Listed(name=name, size_bytes=0, parts=(), state="damaged")
    state = "damaged" if known_damaged or not verifying.looks_whole(shelf, name) else "whole"
    parts = tuple(part.what for part in found.parts)
    return Listed(name=name, size_bytes=found.size_bytes, parts=parts, state=state)


def _size(amount: int) -> str:
    return f"{amount / (1 << 20):.1f} MiB"
