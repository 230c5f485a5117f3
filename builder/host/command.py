"""Run another program: the one fence around `sh`.

The defaults of `sh` are made for interactive use; here they are set for a builder, once: no terminal is pretended, the
environment is scrubbed, standard input is closed, the whole output goes to the log, and a failure is a `CommandFailed`
that carries the last lines.
"""

from __future__ import annotations

import logging
import os
import shlex
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from contextvars import ContextVar, copy_context
from functools import partial
from threading import Lock
from typing import TYPE_CHECKING, Final, TypeVar

from builder.errors import CommandFailed, HostError

if TYPE_CHECKING:
    import sh

LOG = logging.getLogger(__name__)

Result = TypeVar("Result")

TAIL_LINES: Final = 20

_INHERITED: Final = ("PATH", "HOME", "TERM")
"""What programs may know of the caller."""


def scrubbed_environment() -> dict[str, str]:
    """The environment that every program gets, besides what its caller adds."""
    kept = {name: os.environ[name] for name in _INHERITED if name in os.environ}
    return {**kept, "LC_ALL": "C.UTF-8", "TZ": "UTC"}


class Programs:
    """The programs of jobs that succeed or fail as one: they can be ended at any moment, with whatever begins later."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._running: dict[int, sh.RunningCommand] = {}
        self._over = False

    def around(self, job: Callable[[], Result]) -> Callable[[], Result]:
        """The same job, for any thread, with every program that it runs counted here."""

        def counted() -> Result:
            _PROGRAMS.set((*_PROGRAMS.get(), self))
            return job()

        return partial(copy_context().run, counted)

    @contextmanager
    def holding(self, process: sh.RunningCommand) -> Iterator[None]:
        """Count a program while it runs."""
        with self._lock:
            self._running[process.pid] = process
            if self._over:
                _kill(process)
        try:
            yield
        finally:
            with self._lock:
                del self._running[process.pid]

    def end(self) -> None:
        """Kill what runs, and what begins later as soon as it does; each `run` fails with `CommandFailed`."""
        with self._lock:
            self._over = True
            for process in self._running.values():
                _kill(process)


_PROGRAMS: ContextVar[tuple[Programs, ...]] = ContextVar("programs", default=())
"""Where programs are counted that run now: those of this job, and of the jobs that it is a part of."""


def _kill(process: sh.RunningCommand) -> None:
    with suppress(ProcessLookupError):
        process.kill()


def run(
    argv: Sequence[str],
    *,
    why: str,
    stdin: bytes = b"",
    env: Mapping[str, str] | None = None,
    accept: Sequence[int] = (0,),
    on_line: Callable[[str], None] | None = None,
    shown: Sequence[str] = (),
) -> str:
    """Run a program to its end and return what it wrote to standard output.

    Args:
        argv: The program and its arguments; never passed through a shell.
        why: What it does for us, for the log and for the error: "make the root file system".
        stdin: What it reads; nothing by default.
        env: Variables added to the scrubbed environment.
        accept: Exit statuses that are not failures.
        on_line: Called with each line of either stream while it runs.
        shown: The part of `argv` that an error shows; all of it when left out.

    Raises:
        CommandFailed: it ended with another status or by a signal.
        HostError: there is no such program, or this machine cannot run it.
    """
    # Only here: a build that has nothing to do runs no program, and is over before this library is loaded.
    import sh  # noqa: PLC0415

    LOG.debug("%s\n+ %s", why, shlex.join(argv))
    tail: deque[str] = deque(maxlen=TAIL_LINES)
    out: list[str] = []

    def heard(line: str) -> None:
        text = line.rstrip("\n")
        LOG.debug("  %s", text)
        tail.append(text)
        if on_line is not None:
            on_line(text)

    def heard_out(line: str) -> None:
        out.append(line)
        heard(line)

    try:
        program = sh.Command(argv[0])
    except sh.CommandNotFound as error:
        raise HostError(f"{why}: there is no program {argv[0]}", hint="run `satchel doctor`") from error
    try:
        process = program(
            *argv[1:],
            _in=stdin,
            _out=heard_out,
            _err=heard,
            _env={**scrubbed_environment(), **(env or {})},
            _tty_out=False,
            _tty_in=False,
            _bg=True,
            _bg_exc=False,
            _new_session=False,
            _decode_errors="replace",
            _ok_code=list(accept),
        )
    except sh.ForkException as error:
        raise HostError(f"{why}: {argv[0]} cannot be started", details=str(error).splitlines()[-1].strip()) from error
    with ExitStack() as held:
        for programs in _PROGRAMS.get():
            held.enter_context(programs.holding(process))
        try:
            process.wait()
        except sh.ErrorReturnCode as error:
            raise CommandFailed(shown or argv, why=why, status=error.exit_code, tail="\n".join(tail)) from error
        except BaseException:
            _kill(process)
            raise
    return "".join(out)
