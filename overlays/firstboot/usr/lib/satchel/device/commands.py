"""The one way in which first boot starts other programs: bounded in time, with a reason, without a shell."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar

from device import accounts
from device.errors import DeviceError

BASE_ENVIRONMENT = {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C.UTF-8"}
_TAIL_LINES = 12

_end: ContextVar[float] = ContextVar("end", default=float("inf"))
"""When the time for everything is over, by the clock that only goes forwards: the other may start in 1970 and jump."""


class OutOfTime(DeviceError):
    """The time that first boot may take in all is over."""

    def __init__(self) -> None:
        super().__init__(
            "the time for first boot is over",
            advice="Switch the device off and on again: it goes on where it stopped. If this stays, use another disk.",
        )


@contextmanager
def within(seconds: float) -> Iterator[None]:
    """Let everything in the block take no longer than this together: no program may run beyond it."""
    token = _end.set(time.monotonic() + seconds)
    try:
        yield
    finally:
        _end.reset(token)


def require_time() -> None:
    """Insist that the time is not over.

    Raises:
        OutOfTime: it is.
    """
    if time.monotonic() >= _end.get():
        raise OutOfTime


def run(
    argv: Sequence[str],
    *,
    why: str,
    advice: str = "Switch the device off and on again. If this stays, flash it again.",
    stdin: str = "",
    env: Mapping[str, str] | None = None,
    user: str | None = None,
    timeout: float = 1200,
    cwd: str = "/",
) -> str:
    """Run a program and return what it wrote to standard output.

    Args:
        user: the account to become; only root can become somebody else.
        timeout: seconds; less when the time for everything ends earlier.
        cwd: where it is started.

    Raises:
        OutOfTime: it was not done when the time for everything was over.
        DeviceError: it cannot be started, failed, or took too long. Its input never appears in the error.
    """
    require_time()
    uid, gid = accounts.ids(user) if user and os.geteuid() == 0 else (None, None)
    try:
        done = subprocess.run(
            argv,
            input=stdin,
            env={**BASE_ENVIRONMENT, **(env or {})},
            capture_output=True,
            text=True,
            errors="replace",
            timeout=min(timeout, _end.get() - time.monotonic()),
            check=False,
            cwd=cwd,
            user=uid,
            group=gid,
            extra_groups=None if uid is None else [],
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        if isinstance(error, subprocess.TimeoutExpired):
            require_time()
        raise DeviceError(f"{why}: {error}", advice=advice) from error
    if done.returncode != 0:
        tail = "\n".join((done.stdout + done.stderr).rstrip().splitlines()[-_TAIL_LINES:])
        raise DeviceError(f"{why}: {argv[0]} exited with status {done.returncode}\n{tail}", advice=advice)
    return done.stdout
