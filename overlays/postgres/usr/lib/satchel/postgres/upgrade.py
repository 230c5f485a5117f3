"""Data of an earlier version taken over by pg_upgrade. The old data stays as it is until somebody confirms.

Where the file system can share blocks (btrfs), the new data is a clone: it needs little room and few seconds.
"""

from __future__ import annotations

import fcntl
import os
import re
import shutil
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from device.errors import DeviceError
from device.paths import Paths
from postgres import cluster, programs
from postgres.programs import program, sql
from postgres.settings import Settings

REPORTS = "/var/log/satchel-postgres-upgrade"
"""What pg_upgrade wrote when it failed."""

_FICLONE = 0x40049409
"""linux/fs.h: share the blocks of another file."""
_MARGIN = 1.1
"""What a new version's own tables may need beside a copy."""
_NEW_BYTES = 256 << 20
"""What is new in any case: the system tables, and first segments of the log of changes."""

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


def plan(paths: Paths, settings: Settings) -> Plan | None:
    """What there is to do; nothing when the data was taken over already, and nobody has confirmed.

    Raises:
        DeviceError: there is no earlier data, or this system cannot take it over.
    """
    there = cluster.versions(paths, settings)
    if not there or there == [settings.version]:
        raise DeviceError("there is no data of an earlier version", advice="Nothing has to be done.")
    old = there[-1]
    if old == settings.version:
        return None
    if old > settings.version or settings.replica:
        raise cluster.of_another_version(there, settings)
    if old not in settings.upgrade_from:
        raise DeviceError(
            f"this system cannot take over the data of PostgreSQL {old}",
            advice=f"Build an image with {old} in database.postgres.upgrade_from, and flash it with --keep-data.",
        )
    directory = cluster.place(paths, settings, old)
    if any((directory / "pg_tblspc").iterdir()):
        raise DeviceError(
            "there are tablespaces, data in places that this program does not know",
            advice="Move their tables back with the earlier system (ALTER DATABASE ... SET TABLESPACE pg_default).",
        )
    size, clones, facts = _used_bytes(directory), _can_clone(directory), os.statvfs(directory)
    return Plan(
        old=old,
        new=settings.version,
        size_bytes=size,
        needed_bytes=(0 if clones else int(size * _MARGIN)) + _NEW_BYTES,
        free_bytes=facts.f_bavail * facts.f_frsize,
        clones=clones,
    )


def upgrade(paths: Paths, settings: Settings, wanted: Plan, *, say: Say, only_check: bool = False) -> None:
    """Take over, or only let pg_upgrade check whether it could; inside `cluster.alone`.

    Raises:
        DeviceError: it cannot be done; the old data is as it was.
    """
    if wanted.free_bytes < wanted.needed_bytes:
        raise DeviceError(
            f"there is too little room: {_size(wanted.needed_bytes)} are needed, {_size(wanted.free_bytes)} are free",
            advice="Nothing was touched. Move something away from the partition with the data, and try again.",
        )
    say("looking at the old data")
    old = cluster.place(paths, settings, wanted.old)
    cluster.own(old)
    _shut_down_cleanly(paths, wanted.old, old)
    target = cluster.place(paths, settings, wanted.new)
    making = cluster.provisional if only_check else cluster.made_whole
    with making(paths, target) as new:
        cluster.initialise(paths, wanted.new, new, checksums=_has_checksums(paths, wanted.old, old))
        try:
            if only_check:
                say("comparing both")
                _pg_upgrade(paths, wanted, old, new, "--check")
            else:
                say("taking over")
                _pg_upgrade(paths, wanted, old, new, "--clone" if wanted.clones else "--copy")
                # It would remove the old data, and knows the new by its unfinished name.
                (new / "delete_old_cluster.sh").unlink(missing_ok=True)
        finally:
            cluster.stop(paths, wanted.old, old)


def finish(paths: Paths, settings: Settings, *, say: Say) -> None:
    """What the new server must do once it runs: bring extensions up to date, and gather statistics. Repeatable."""
    say("bringing extensions up to date")
    query = "SELECT datname FROM pg_database WHERE datallowconn"
    for database in sql(query, port=settings.port, why="list databases").splitlines():
        text = "SELECT format('ALTER EXTENSION %I UPDATE', extname) FROM pg_extension \\gexec\n"
        sql(text, port=settings.port, database=database, why=f"bring the extensions of {database} up to date")
    say("gathering statistics")
    argv = ("vacuumdb", "--all", "--analyze-only", "--host", programs.SOCKET, "--port", str(settings.port))
    program(paths, settings.version, *argv, why="gather statistics")


def confirm(paths: Paths, settings: Settings) -> tuple[int, ...]:
    """Remove the data of earlier versions; returns which. Inside `cluster.alone`.

    Raises:
        DeviceError: there is none, or the server does not serve the new data.
    """
    there = cluster.versions(paths, settings)
    earlier = tuple(version for version in there if version < settings.version)
    if settings.version not in there or not earlier:
        raise DeviceError("there is nothing to confirm", advice="`satchel-postgres status` lists what there is.")
    sql("SELECT 1", port=settings.port, why="see whether the new data is served")
    for version in earlier:
        cluster.remove(cluster.place(paths, settings, version))
    return earlier


def require_earlier(paths: Paths, settings: Settings) -> None:
    """Insist that there is data to go back to.

    Raises:
        DeviceError: there is none.
    """
    if len(cluster.versions(paths, settings)) < 2:
        raise DeviceError("there is no data of an earlier version", advice="It was confirmed, or never there.")


def back(paths: Paths, settings: Settings) -> int:
    """Remove the newest data, so that the one before is it again; returns its version. Inside `cluster.alone`.

    Raises:
        DeviceError: there is only one.
    """
    require_earlier(paths, settings)
    *_, before, newest = cluster.versions(paths, settings)
    cluster.remove(cluster.place(paths, settings, newest))
    return before


def _shut_down_cleanly(paths: Paths, version: int, directory: Path) -> None:
    """pg_upgrade takes nothing over from a server that was cut off: start it once, and end it."""
    cluster.stop(paths, version, directory)
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
    try:
        program(paths, wanted.new, *argv, why=why, cwd=str(new))
    except DeviceError as error:
        reports = paths.at(REPORTS)
        with suppress(OSError):
            shutil.rmtree(reports, ignore_errors=True)
            shutil.copytree(new / "pg_upgrade_output.d", reports)
        advice = f"The old data is as it was. What pg_upgrade wrote about it is in {REPORTS}."
        raise DeviceError(error.reason, advice=advice) from error


def _used_bytes(directory: Path) -> int:
    """A server may be at work there, so files come and go."""
    total = 0
    for path in directory.rglob("*"):
        with suppress(FileNotFoundError):
            total += path.lstat().st_blocks * 512
    return total


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
