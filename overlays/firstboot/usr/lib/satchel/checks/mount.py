"""A file system that must be mounted, with options in force."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from checks.outcome import Outcome
from device import mounts

_MOUNTINFO = Path("/proc/self/mountinfo")


def check(claim: dict[str, Any]) -> Outcome:
    """Look into the kernel's table of mounts."""
    return compare(mounts.read(_MOUNTINFO), claim["path"], claim["type"], claim.get("options", ()))


def compare(table: Sequence[mounts.Mount], path: str, kind: str, options: Sequence[str]) -> Outcome:
    """Whether what is mounted there is of this type and has at least these options."""
    mount = mounts.mounted_at(table, path)
    if mount is None:
        return Outcome(ok=False, detail=f"nothing is mounted at {path}")
    in_force = ",".join(sorted(mount.options))
    if mount.type != kind:
        return Outcome(ok=False, detail=f"{path} is {mount.type}, not {kind}")
    if missing := [option for option in options if option not in mount.options]:
        return Outcome(ok=False, detail=f"{path} lacks {','.join(missing)}; in force: {in_force}")
    return Outcome(ok=True, detail=f"{mount.source} {mount.type} {in_force}")
