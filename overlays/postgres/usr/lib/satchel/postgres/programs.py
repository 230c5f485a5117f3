"""PostgreSQL's own programs, as the account `postgres`, by their version."""

from __future__ import annotations

from pathlib import Path

from device.commands import run
from device.errors import DeviceError
from device.paths import Paths

ACCOUNT = "postgres"
SOCKET = "/run/postgresql"
_LONGEST_SECONDS = 12 * 3600
_ADVICE = "No data was lost. What the server itself wrote: sudo journalctl --unit satchel-postgres"


def directory(paths: Paths, version: int) -> Path:
    """Where the programs of a version lie.

    Raises:
        DeviceError: this system does not have them.
    """
    found = paths.at(f"/usr/lib/postgresql/{version}/bin")
    if not found.is_dir():
        raise DeviceError(
            f"this system has no PostgreSQL {version}",
            advice=f"Build an image with postgresql-{version} in packages.apt and in database.postgres.upgrade_from.",
        )
    return found


def program(paths: Paths, version: int, *argv: str, why: str, cwd: str = "/") -> str:
    """Run a program of a version.

    Raises:
        DeviceError: it failed; the end of what it said is in the text.
    """
    command = (str(directory(paths, version) / argv[0]), *argv[1:])
    return run(command, why=why, advice=_ADVICE, user=ACCOUNT, timeout=_LONGEST_SECONDS, cwd=cwd)


def sql(text: str, *, port: int, database: str = "postgres", why: str) -> str:
    """Have the server that runs do something; what comes back has a line for each row.

    The text goes in by a pipe: others can see a command line.
    """
    argv = (
        *("psql", "--no-psqlrc", "--quiet", "--tuples-only", "--no-align", "--set", "ON_ERROR_STOP=1"),
        *("--host", SOCKET, "--port", str(port), "--dbname", database),
    )
    return run(argv, why=why, advice=_ADVICE, user=ACCOUNT, stdin=text)
