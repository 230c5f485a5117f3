"""Whether a Kolibri server works on a home, and how to keep it from doing so for a while."""

from __future__ import annotations

import errno
import os
import socket
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path

from builder.errors import MasterError
from builder.kolibri.traces import ALLOWED_ROWS


def require_stopped(home: Path) -> None:
    """Refuse a home that a Kolibri server works on.

    Its process or one of its ports is enough: a second start of Kolibri writes its own, dead process into server.pid.

    Raises:
        MasterError: it does.
    """
    try:
        lines = (home / "server.pid").read_text(encoding="utf-8", errors="replace").split()
    except FileNotFoundError:
        return
    numbers = [int(line) for line in lines if line.isascii() and line.isdigit()]
    if not numbers:
        return
    pid, *ports = numbers[:3]
    answering = next((port for port in ports if _answers(port)), None)
    if _is_alive(pid) or answering:
        sign = f"port {answering} answers" if answering else f"its process {pid} is alive"
        raise MasterError(
            f"Kolibri runs on {home}: {sign}",
            hint="`kolibri stop`; if that is another program, remove server.pid from the home",
        )


@contextmanager
def held(home: Path) -> Iterator[Mapping[str, sqlite3.Connection]]:
    """The home's databases, locked against everybody else; what their journals hold is in them.

    Nobody may open these files otherwise meanwhile, not even to read: a process that closes a file loses all of its
    locks on it.

    Raises:
        MasterError: somebody has one of them open.
        sqlite3.Error: one of them cannot be read.
    """
    with ExitStack() as stack:
        yield {name: stack.enter_context(closing(_locked(home / name))) for name in ALLOWED_ROWS}


@contextmanager
def explained(home: Path) -> Iterator[None]:
    """Say what the system or SQLite says about a home as an error of ours."""
    try:
        yield
    except (sqlite3.Error, OSError) as error:
        hint = None
        if isinstance(error, PermissionError) or "readonly" in str(error):
            hint = "work as the user that Kolibri runs as, or as root"
        elif "full" in str(error) or getattr(error, "errno", None) == errno.ENOSPC:
            hint = "its file system needs room for a second copy of the databases"
        elif "no such" in str(error):
            hint = "its Kolibri is older than Satchel knows: start one of version 0.16 or later on it, and stop it"
        raise MasterError(f"{home} cannot be worked on: {error}", hint=hint) from error


def _locked(path: Path) -> sqlite3.Connection:
    database = sqlite3.connect(path, timeout=1, isolation_level=None)
    try:
        # Leaving WAL takes up what the journal holds, and is refused while anybody else has the file open.
        database.execute("PRAGMA journal_mode = DELETE")
        database.execute("PRAGMA locking_mode = EXCLUSIVE")
        database.execute("BEGIN EXCLUSIVE")
        database.execute("COMMIT")
    except sqlite3.OperationalError as error:
        database.close()
        if "locked" not in str(error):
            raise
        raise MasterError(f"somebody has {path} open", hint="stop Kolibri and whatever else reads the home") from error
    except BaseException:
        database.close()
        raise
    return database


def _is_alive(pid: int) -> bool:
    """Whether it is a process, and nothing speaks against its being Kolibri: numbers are given anew after a restart."""
    try:
        os.kill(pid, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:
        pass
    try:
        return b"kolibri" in Path(f"/proc/{pid}/cmdline").read_bytes().lower()
    except OSError:
        return True


def _answers(port: int) -> bool:
    if not 0 < port < 1 << 16:
        return False
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=1):
            return True
    except OSError:
        return False
