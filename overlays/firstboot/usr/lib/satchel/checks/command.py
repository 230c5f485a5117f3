"""A command that must succeed, and a unit that must be active."""

from __future__ import annotations

import subprocess
from typing import Any

from checks.outcome import Outcome
from device.commands import BASE_ENVIRONMENT

_TIMEOUT_SECONDS = 120.0
_SHOWN = 300


def check(claim: dict[str, Any]) -> Outcome:
    """Run the command; compare its status and look for a text in its output."""
    return _run(claim["run"], claim.get("status", 0), claim.get("stdout"))


def check_unit(unit: str) -> Outcome:
    """Ask systemd. It must say so in words: in a chroot, systemctl does nothing and exits with 0."""
    return _run(("systemctl", "is-active", unit), 0, "active")


def _run(argv: list[str] | tuple[str, ...], status: int, stdout: str | None) -> Outcome:
    try:
        done = subprocess.run(
            argv,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            env=BASE_ENVIRONMENT,
            timeout=_TIMEOUT_SECONDS,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return Outcome(ok=False, detail=str(error))
    said = (done.stdout + done.stderr).strip()[-_SHOWN:]
    if done.returncode != status:
        return Outcome(ok=False, detail=f"{argv[0]} exited with status {done.returncode}: {said}")
    if stdout is not None and stdout not in done.stdout:
        return Outcome(ok=False, detail=f"{stdout!r} is not in the output of {argv[0]}")
    return Outcome(ok=True, detail=stdout or said)
