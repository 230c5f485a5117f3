"""Run a program and say what it cost this machine."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from resource import struct_rusage

from builder.errors import CommandFailed


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """What a program and all that it started cost."""

    seconds: float
    """Until it ended and everything that it wrote was on the disk."""
    processor_seconds: float
    """Of all cores together; other work on the machine disturbs it least."""
    written_bytes: int
    """What went to the disk: not what was deleted again before it got there, and nothing of a tmpfs."""
    peak_bytes: int
    """The largest resident size of any one process."""


def measure(
    command: Sequence[str], *, why: str, log: Path, directory: Path, environment: Mapping[str, str] | None = None
) -> Cost:
    """Run `command` to its end in `directory`; what it prints is added to `log`.

    Raises:
        CommandFailed: it ended badly.
    """
    os.sync()
    written_before, started = _written(), time.monotonic()
    with log.open("ab") as output:
        process = subprocess.Popen(
            command, cwd=directory, env=environment, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT
        )
        usages = tuple(_ended(process))
    os.sync()
    seconds = time.monotonic() - started
    if process.returncode != 0:
        tail = "\n".join(log.read_text(errors="replace").splitlines()[-20:])
        raise CommandFailed(command, why=why, status=process.returncode, tail=tail, log=log)
    return Cost(
        seconds=seconds,
        processor_seconds=sum(usage.ru_utime + usage.ru_stime for usage in usages),
        written_bytes=_written() - written_before,
        peak_bytes=max(usage.ru_maxrss for usage in usages) * 1024,
    )


def _ended(process: subprocess.Popen[bytes]) -> Iterator[struct_rusage]:
    """Wait until everything has ended: what the process started, and left to us as process 1 of the namespace.

    Bubblewrap leaves its own child so, with the costs of all that ran in the sandbox.
    """
    with suppress(ChildProcessError):
        while True:
            ended, status, usage = os.wait4(-1, 0)
            if ended == process.pid:
                process.returncode = os.waitstatus_to_exitcode(status)
            yield usage


def _written() -> int:
    """Bytes that this process and all that it waited for sent to disks (proc(5), /proc/pid/io)."""
    lines = Path("/proc/self/io").read_text().splitlines()
    counters = {name: int(value) for name, value in (line.split(": ") for line in lines)}
    return counters["write_bytes"] - counters["cancelled_write_bytes"]
