"""The one way in which first boot starts other programs: bounded in time, with a reason, without a shell."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping, Sequence

from device import accounts
from device.errors import DeviceError

BASE_ENVIRONMENT = {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C.UTF-8"}
_TAIL_LINES = 12


def run(
    argv: Sequence[str],
    *,
    why: str,
    advice: str = "Switch the device off and on again. If this stays, flash it again.",
    stdin: str = "",
    env: Mapping[str, str] | None = None,
    user: str | None = None,
    timeout: float = 1200,
) -> str:
    """Run a program and return what it wrote to standard output.

    Args:
        user: the account to become; only root can become somebody else.
        timeout: seconds.

    Raises:
        DeviceError: it cannot be started, failed, or took too long. Its input never appears in the error.
    """
    uid, gid = accounts.ids(user) if user and os.geteuid() == 0 else (None, None)
    try:
        done = subprocess.run(
            argv,
            input=stdin,
            env={**BASE_ENVIRONMENT, **(env or {})},
            capture_output=True,
            text=True,
            errors="replace",
            timeout=timeout,
            check=False,
            cwd="/",
            user=uid,
            group=gid,
            extra_groups=None if uid is None else [],
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise DeviceError(f"{why}: {error}", advice=advice) from error
    if done.returncode != 0:
        tail = "\n".join((done.stdout + done.stderr).rstrip().splitlines()[-_TAIL_LINES:])
        raise DeviceError(f"{why}: {argv[0]} exited with status {done.returncode}\n{tail}", advice=advice)
    return done.stdout
