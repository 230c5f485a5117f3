"""Data of an earlier version taken over by pg_upgrade. The old data stays as it is until somebody confirms.

Where the file system can share blocks (btrfs), the new data is a clone: it needs little room and few seconds.
"""

from __future__ import annotations

import fcntl
import os
import re
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from device.commands import run
from device.errors import DeviceError
from device.paths import Paths
from postgres import cluster, programs
from postgres.programs import program, sql
from postgres.settings import Settings

UNIT = "satchel-postgres.service"

_FICLONE = 0x40049409
"""linux/fs.h: share the blocks of another file."""
_MARGIN = 1.1
"""What a new version's own tables may need beside a copy."""
_CLONED_BYTES = 256 << 20
"""What is new in a clone: the system tables, and a first segment of the log of changes."""

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What taking over will do."""

    old: int
    new: int
    size_bytes: int
    """The old data."""
    needed_bytes: int
    free_bytes: int
    clones: bool
    """Whether blocks are shared instead of copied."""

    def text(self) -> str:
        """For people."""
        way = "by sharing its blocks" if self.clones else "by copying it"
        return (
            f"The data of PostgreSQL {self.old} ({_size(self.size_bytes)}) becomes that of {self.new} {way}.\n"
            f"That needs {_size(self.needed_bytes)}, and {_size(self.free_bytes)} are free.\n"
            f"The old data stays until `satchel-postgres confirm`; `satchel-postgres back` goes back to it."
        )


def plan(paths: Paths, settings: Settings) -> Plan:
    """What there is to do.

    Raises:
        DeviceError: there is nothing to take over, or this system cannot.
    """
    there = cluster.versions(paths, settings)
    if settings.version in there:
        raise DeviceError(
            f"there is data of PostgreSQL {settings.version} already",
            advice="Nothing has to be taken over. `satchel-postgres status` lists what there is.",
        )
    if not there:
        raise DeviceError("there is no data of an earlier version", advice="Start satchel-postgres.service.")
    old = there[-1]
    if old not in settings.upgrade_from:
        raise DeviceError(
            f"this system cannot take over the data of PostgreSQL {old}",
            advice=f"Build an image with {old} in database.postgres.upgrade_from, and flash it with --keep-data.",
        )
    for version in (old, settings.version):
        programs.directory(paths, version)
    directory = cluster.place(paths, settings, old)
    size = sum(path.lstat().st_blocks * 512 for path in directory.rglob("*"))
    clones = _can_clone(directory)
    facts = os.statvfs(directory)
    return Plan(
        old=old,
        new=settings.version,
        size_bytes=size,
        needed_bytes=_CLONED_BYTES if clones else int(size * _MARGIN) + _CLONED_BYTES,
        free_bytes=facts.f_bavail * facts.f_frsize,
        clones=clones,
    )


def upgrade(paths: Paths, settings: Settings, *, say: Say) -> None:
    """Take over.

    Raises:
        DeviceError: it cannot be done; the old data is as it was.
    """
    wanted = plan(paths, settings)
    if wanted.free_bytes < wanted.needed_bytes:
        raise DeviceError(
            f"there is too little room: {_size(wanted.needed_bytes)} are needed, {_size(wanted.free_bytes)} are free",
            advice="Nothing was touched. Move something away from the partition with the data, and try again.",
        )
    old = cluster.place(paths, settings, wanted.old)
    say("looking at the old data")
    _shut_down_cleanly(paths, wanted.old, old)
    with cluster.made_whole(cluster.place(paths, settings, wanted.new)) as new:
        cluster.initialise(paths, wanted.new, new, checksums=_has_checksums(paths, wanted.old, old))
        say("comparing both")
        _pg_upgrade(paths, wanted, old, new, "--check")
        say("taking over")
        _pg_upgrade(paths, wanted, old, new, "--clone" if wanted.clones else "--copy")


def finish(settings: Settings, *, say: Say) -> None:
    """What the new server must do once it runs: statistics, extensions, and the proof that everything is there."""
    say("gathering statistics")
    argv = ("vacuumdb", "--all", "--analyze-only", "--host", programs.SOCKET, "--port", str(settings.port))
    run(argv, why="gather statistics", user=programs.ACCOUNT, timeout=12 * 3600)
    query = "SELECT datname FROM pg_database WHERE datallowconn AND NOT datistemplate"
    for database in sql(query, port=settings.port, why="list databases").splitlines():
        text = "SELECT format('ALTER EXTENSION %I UPDATE', extname) FROM pg_extension \\gexec\n"
        sql(text, port=settings.port, database=database, why=f"bring the extensions of {database} up to date")


def confirm(paths: Paths, settings: Settings) -> tuple[int, ...]:
    """Remove the data of earlier versions; returns which.

    Raises:
        DeviceError: there is none, or the new data is not there.
    """
    there = cluster.versions(paths, settings)
    earlier = tuple(version for version in there if version != settings.version)
    if settings.version not in there or not earlier:
        raise DeviceError("there is nothing to confirm", advice="`satchel-postgres status` lists what there is.")
    for version in earlier:
        shutil.rmtree(cluster.place(paths, settings, version))
    return earlier


def back(paths: Paths, settings: Settings) -> int:
    """Remove the new data, so that the old is the only one again; returns its version.

    Raises:
        DeviceError: there is no old data.
    """
    there = cluster.versions(paths, settings)
    earlier = [version for version in there if version != settings.version]
    if not earlier:
        raise DeviceError("there is no data of an earlier version", advice="It was confirmed, or never there.")
    new = cluster.place(paths, settings, settings.version)
    if new.exists():
        shutil.rmtree(new)
    return earlier[-1]


def _shut_down_cleanly(paths: Paths, version: int, directory: Path) -> None:
    """pg_upgrade takes nothing over from a server that was cut off: start it once, and end it."""
    if re.search(r"state:\s+shut down$", _control(paths, version, directory), re.MULTILINE):
        return
    options = f"-c listen_addresses= -c unix_socket_directories={directory}"
    for verb in (("start", "--options", options), ("stop", "--mode=fast")):
        argv = ("pg_ctl", "--pgdata", str(directory), "--wait", "--timeout=86400", "--silent", "--log=/dev/null")
        program(paths, version, *argv, *verb, why="let the old server tidy its data up")


def _has_checksums(paths: Paths, version: int, directory: Path) -> bool:
    found = re.search(r"Data page checksum version:\s+(\d+)", _control(paths, version, directory))
    return found is not None and found[1] != "0"


def _control(paths: Paths, version: int, directory: Path) -> str:
    return program(paths, version, "pg_controldata", str(directory), why="look at the old data")


def _pg_upgrade(paths: Paths, wanted: Plan, old: Path, new: Path, how: str) -> None:
    places = ("--old-datadir", str(old), "--new-datadir", str(new))
    binaries = ("--old-bindir", str(programs.directory(paths, wanted.old)))
    why = f"take over the data of PostgreSQL {wanted.old}"
    # It writes beside itself, and its servers listen in the directory where it is started.
    argv = ("pg_upgrade", *places, *binaries, "--socketdir", str(new), "--username=postgres", how)
    program(paths, wanted.new, *argv, why=why, cwd=str(new))


def _can_clone(directory: Path) -> bool:
    """Whether files beside the data can share blocks, tried on a file of the data itself."""
    trial = directory.parent / ".clone"
    try:
        with (directory / "PG_VERSION").open("rb") as source, trial.open("wb") as target:
            fcntl.ioctl(target, _FICLONE, source.fileno())
    except OSError:
        return False
    finally:
        trial.unlink(missing_ok=True)
    return True


def _size(amount: int) -> str:
    return f"{amount / (1 << 20):.0f} MiB"
