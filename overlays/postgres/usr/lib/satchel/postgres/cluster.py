"""The data of the server: made once, whole or not at all, and never made beside that of another version."""

from __future__ import annotations

import fcntl
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from device import accounts, files, secret_files
from device.errors import DeviceError
from device.paths import Paths
from postgres.programs import ACCOUNT, program
from postgres.settings import Replica, Settings

_MARK = "PG_VERSION"
_UNFINISHED = ".[0-9]*.new"
"""What `files.unfinished` makes of the number of a version."""
_ENCODED = ("--encoding=UTF8", "--locale=C.UTF-8")
_BUILTIN_SINCE = 17
"""Collations of its own, which do not change with the C library under the indexes that depend on them."""
AUTHORITY = "/etc/satchel/tls/authority-certificate.pem"


def prepare(paths: Paths, settings: Settings) -> None:
    """See to it that the server has data to start with.

    Raises:
        DeviceError: there is data of another version, or it cannot be made.
    """
    with alone(paths, settings):
        directory = place(paths, settings, settings.version)
        there = versions(paths, settings)
        if there and there[-1] != settings.version:
            raise of_another_version(there, settings)
        if not there:
            with made_whole(paths, directory) as unfinished:
                if settings.replica:
                    _copy(paths, settings, settings.replica, unfinished)
                else:
                    initialise(paths, settings.version, unfinished)
        own(directory)


def of_another_version(there: list[int], settings: Settings) -> DeviceError:
    """Why the server cannot start with the newest data that is there, and what to do."""
    newest = there[-1]
    if newest > settings.version:
        advice = f"Nothing was touched. Flash a system with PostgreSQL {newest} again, and keep the data."
        if settings.version in there:
            advice += f" Or `sudo satchel-postgres back`: without all that was written since {newest} took over."
    elif settings.replica:
        advice = (
            f"Upgrade {settings.replica.primary} first. A replica then copies it anew: sudo rm -r "
            f"{settings.data}/{newest} && sudo systemctl restart satchel-postgres"
        )
    else:
        advice = "Nothing was touched. `sudo satchel-postgres upgrade --dry-run` says what taking it over needs."
    reason = f"the data of this device is of PostgreSQL {newest}, and this system has {settings.version}"
    return DeviceError(reason, advice=advice)


def place(paths: Paths, settings: Settings, version: int) -> Path:
    """Where the data of a version lies."""
    return paths.at(settings.data) / str(version)


def versions(paths: Paths, settings: Settings) -> list[int]:
    """The versions that there is data of, the newest last."""
    found = paths.at(settings.data).glob(f"*/{_MARK}")
    return sorted(int(mark.parent.name) for mark in found if mark.parent.name.isdigit())


def own(directory: Path) -> None:
    """Let the account have the data: its number may be another one since the system was flashed anew."""
    if directory.stat().st_uid != accounts.ids(ACCOUNT)[0]:
        # The directory last: as long as it has the old number, this is not done.
        accounts.give(ACCOUNT, *directory.rglob("*"), directory)


def initialise(paths: Paths, version: int, directory: Path, *, checksums: bool = True) -> None:
    """Make data with nothing in it."""
    builtin = ("--locale-provider=builtin", "--builtin-locale=C.UTF-8") if version >= _BUILTIN_SINCE else ()
    summed = ("--data-checksums",) if checksums else ()
    argv = ("initdb", "--pgdata", str(directory), *_ENCODED, *builtin, *summed)
    access = ("--auth-local=peer", "--auth-host=scram-sha-256", "--no-instructions")
    program(paths, version, *argv, *access, why="make the database server's data")


@contextmanager
def alone(paths: Paths, settings: Settings) -> Iterator[None]:
    """Nobody else makes or removes data meanwhile; what a power cut left of an earlier attempt is gone.

    Raises:
        DeviceError: somebody else does.
    """
    data = paths.at(settings.data)
    data.mkdir(mode=0o755, parents=True, exist_ok=True)
    held = os.open(data, os.O_RDONLY | os.O_DIRECTORY)
    try:
        try:
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            reason = "another satchel-postgres is at work on the data"
            raise DeviceError(reason, advice="Wait until it is done, and try again.") from error
        for unfinished in data.glob(_UNFINISHED):
            _discard(paths, unfinished)
        yield
    finally:
        os.close(held)


@contextmanager
def provisional(paths: Paths, directory: Path) -> Iterator[Path]:
    """A directory to make data in, which is removed unless it was given its name; inside `alone`."""
    unfinished = files.unfinished(directory)
    unfinished.mkdir(mode=0o700)
    try:
        accounts.give(ACCOUNT, unfinished)
        yield unfinished
    finally:
        if unfinished.exists():
            _discard(paths, unfinished)


@contextmanager
def made_whole(paths: Paths, directory: Path) -> Iterator[Path]:
    """A directory that gets its name when it is finished; inside `alone`."""
    with provisional(paths, directory) as unfinished:
        yield unfinished
        unfinished.rename(directory)
        files.sync_directory(directory.parent)


def remove(directory: Path) -> None:
    """Remove data; at no moment does a part of it look like all of it. Inside `alone`."""
    doomed = files.unfinished(directory)
    directory.rename(doomed)
    files.sync_directory(directory.parent)
    shutil.rmtree(doomed)


def stop(paths: Paths, version: int, directory: Path) -> None:
    """End a server that is still at work on data, because somebody started it or what had started it was killed."""
    if (directory / "postmaster.pid").exists():
        # The file may be from before a power cut; then there is nothing to end, and the next server knows.
        with suppress(DeviceError):
            argv = ("pg_ctl", "stop", "--pgdata", str(directory), "--mode=fast", "--wait", "--timeout=3600")
            program(paths, version, *argv, why="end the server")


def _discard(paths: Paths, unfinished: Path) -> None:
    stop(paths, int(unfinished.name.split(".")[1]), unfinished)
    shutil.rmtree(unfinished)


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
