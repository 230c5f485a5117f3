"""The data of the server: made once, whole or not at all, and never made beside that of another version."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from device import accounts, files, secret_files
from device.errors import DeviceError
from device.paths import Paths
from postgres.programs import ACCOUNT, program
from postgres.settings import Replica, Settings

_MARK = "PG_VERSION"
_ENCODED = ("--encoding=UTF8", "--locale=C.UTF-8")
_BUILTIN_SINCE = 17
"""Collations of its own, which do not change with the C library under the indexes that depend on them."""
AUTHORITY = "/etc/satchel/tls/authority-certificate.pem"


def prepare(paths: Paths, settings: Settings) -> None:
    """See to it that the server has data to start with.

    Raises:
        DeviceError: there is data of another version, or it cannot be made.
    """
    directory = place(paths, settings, settings.version)
    if (directory / _MARK).exists():
        return
    if others := versions(paths, settings):
        raise DeviceError(
            f"the data of this device is of PostgreSQL {others[-1]}, and this system has {settings.version}",
            advice="Nothing was touched. `sudo satchel-postgres upgrade --dry-run` says what taking it over needs.",
        )
    with made_whole(directory) as unfinished:
        if settings.replica:
            _copy(paths, settings, settings.replica, unfinished)
        else:
            initialise(paths, settings.version, unfinished)


def place(paths: Paths, settings: Settings, version: int) -> Path:
    """Where the data of a version lies."""
    return paths.at(settings.data) / str(version)


def versions(paths: Paths, settings: Settings) -> list[int]:
    """The versions that there is data of, the newest last."""
    found = paths.at(settings.data).glob(f"*/{_MARK}")
    return sorted(int(mark.parent.name) for mark in found if mark.parent.name.isdigit())


def initialise(paths: Paths, version: int, directory: Path, *, checksums: bool = True) -> None:
    """Make data with nothing in it."""
    builtin = ("--locale-provider=builtin", "--builtin-locale=C.UTF-8") if version >= _BUILTIN_SINCE else ()
    summed = ("--data-checksums",) if checksums else ()
    argv = ("initdb", "--pgdata", str(directory), *_ENCODED, *builtin, *summed)
    access = ("--auth-local=peer", "--auth-host=scram-sha-256", "--no-instructions")
    program(paths, version, *argv, *access, why="make the database server's data")


@contextmanager
def made_whole(directory: Path) -> Iterator[Path]:
    """A directory that gets its name when it is finished; what a power cut left of an earlier attempt is removed."""
    unfinished = files.unfinished(directory)
    directory.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
    accounts.give(ACCOUNT, directory.parent)
    if unfinished.exists():
        shutil.rmtree(unfinished)
    unfinished.mkdir(mode=0o700)
    accounts.give(ACCOUNT, unfinished)
    yield unfinished
    unfinished.rename(directory)
    files.sync_directory(directory.parent)


def _copy(paths: Paths, settings: Settings, replica: Replica, directory: Path) -> None:
    """All of the other server's data, and the order to follow it from there on."""
    password = secret_files.read(paths, settings.secret_of(replica.role))
    connection = f"host={replica.primary} port={replica.port} user={replica.role}"
    # What is in the environment of a program, only its account and root can see; the server itself reads a file.
    login = directory.parent / ".replica-login"
    escaped = password.replace("\\", r"\\").replace(":", r"\:")
    files.write(login, f"{replica.primary}:{replica.port}:*:{replica.role}:{escaped}\n", mode=0o600)
    accounts.give(ACCOUNT, login)
    verified = f"sslmode=verify-full sslrootcert={AUTHORITY} passfile={login}"
    argv = ("pg_basebackup", "--pgdata", str(directory), "--write-recovery-conf", "--wal-method=stream")
    why = f"copy the database server {replica.primary}"
    program(paths, settings.version, *argv, "--checkpoint=fast", "--dbname", f"{connection} {verified}", why=why)
