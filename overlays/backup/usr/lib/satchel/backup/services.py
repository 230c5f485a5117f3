"""Units that stand still for a while, and go on whatever happens meanwhile."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from device import files
from device.commands import run
from device.paths import Paths

_HELD = "/run/satchel/backup-held"
"""Which units stand still; in memory, because a start of the device starts them, too."""
_MINUTES = 60


def at_work(units: Sequence[str]) -> tuple[str, ...]:
    """Those that run or are about to."""
    ask = ("systemctl", "show", "--property=ActiveState", "--value")
    idle = {"inactive", "failed"}
    return tuple(unit for unit in units if run((*ask, unit), why=f"ask for {unit}").strip() not in idle)


def stop(units: Sequence[str]) -> None:
    """Stop units; nothing to do without any."""
    if units:
        run(("systemctl", "stop", *units), why=f"stop {', '.join(units)}", timeout=30 * _MINUTES)


def start(units: Sequence[str]) -> None:
    """Start units; nothing to do without any."""
    if units:
        run(("systemctl", "start", *units), why=f"start {', '.join(units)}", timeout=30 * _MINUTES)


@contextmanager
def held(paths: Paths, units: Sequence[str]) -> Iterator[None]:
    """Let units stand still meanwhile."""
    stopped = at_work(units)
    if not stopped:
        yield
        return
    files.write(paths.at(_HELD), json.dumps(stopped))
    try:
        stop(stopped)
        yield
    finally:
        release(paths)


def release(paths: Paths) -> None:
    """Let go on what stands still, if anything does."""
    text = files.read(paths.at(_HELD))
    if text:
        start(json.loads(text))
        paths.at(_HELD).unlink()
