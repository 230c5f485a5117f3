"""What in a Kolibri home could tell one device, facility or person from another. Reads only; the audit uses it too."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from enum import Enum, auto
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

JOURNAL_HEADER: Final = 32
"""Bytes of the header of a database's journal, which are others whenever it is begun anew.

See https://sqlite.org/fileformat2.html, "WAL File Format".
"""
_LOOKS: Final = 5
"""How often a database is copied again because a new journal was begun meanwhile."""

_UNLIMITED: Final = None
_HALF_DONE: Final = (".transfer", ".chunks", "-upgrade.sqlite3")

_DJANGO: Final = {"django_migrations": _UNLIMITED, "sqlite_sequence": _UNLIMITED}

ALLOWED_ROWS: Final[Mapping[str, Mapping[str, int | None]]] = {
    "db.sqlite3": _DJANGO
    | dict.fromkeys(
        (
            "auth_permission", "django_content_type",
            "content_assessmentmetadata", "content_channelmetadata", "content_channelmetadata_included_languages",
            "content_contentnode", "content_contentnode_has_prerequisite", "content_contentnode_related",
            "content_contentnode_tags", "content_contenttag", "content_file", "content_language", "content_localfile",
        ),
        _UNLIMITED,
    )
    | {"device_contentcachekey": 1, "morango_scopedefinition": 2},
    "sessions.sqlite3": _DJANGO,
    "syncqueue.sqlite3": _DJANGO,
    "notifications.sqlite3": _DJANGO,
    # Two reserved rows: Kolibri's own library and its data portal.
    "networklocation.sqlite3": _DJANGO | {"discovery_networklocation": 2},
    "job_storage.sqlite3": _DJANGO,
}  # fmt: skip
"""The only tables of a sealed home with rows, and how many. `content_contentrequest` names learners: not here."""

ALLOWED_FILES: Final = (*ALLOWED_ROWS, ".data_version", "plugins.json", "content")
"""The only names in the top directory of a sealed home."""

_OF_IDENTITY: Final = (
    "morango_", "kolibriauth_facilitydataset", "kolibriauth_collection", "device_deviceappkey", "device_devicesettings",
)  # fmt: skip
"""Tables (beginnings of their names) that make a device itself: certificates, keys, ids, the facility."""

_OF_PEOPLE: Final = (
    "kolibriauth_", "logger_", "lessons_", "exams_", "bookmarks_", "attendance_", "courses_", "notifications_",
    "content_contentrequest", "device_devicepermissions", "device_usersyncstatus", "device_learnerdevicestatus",
    "device_syncqueue", "device_osuser", "errorreports_", "jobs",
)  # fmt: skip
"""Tables with users, what they did, and what is about to be done for them."""

_FILES_OF_PEOPLE: Final = {
    "media": "exported lists, with names, classes and progress of learners",
    "log_export": "exported lists, with names, classes and progress of learners",
    "temp": "what was left from exports and imports of learners",
    "logs": "names of people and of the facility, and command lines",
    "server.log": "an old log",
    "kolibri.log": "an old log",
    "debug.log": "an old log",
    "backups": "whole copies of the database",
    "sessions": "who had logged in",
}

LEFTOVERS: Final[Mapping[str, str]] = _FILES_OF_PEOPLE | {
    ".node_id": "an id of the device",
    "automatic_provision.json": "an administrator's password",
    "process_cache": "what Kolibri remembers between two starts",
    "options.ini": "settings",
    "kolibri_settings.json": "settings of an old Kolibri",
    "static": "pages of an old Kolibri",
    "performance": "measurements",
    "server.pid": "that a server ran",
    "server_profile.lock": "that a server was measured",
    "process_control.flag": "that a server should stop or start anew",
}
"""What Kolibri makes in its home's top directory besides what is allowed, and what it tells. Sealing removes these;
what is neither here nor allowed is not Satchel's to remove, and a home with it is not sealed."""


class Kind(Enum):
    """What a trace gives away."""

    IDENTITY = auto()
    PEOPLE = auto()
    OTHER = auto()


@dataclass(frozen=True, slots=True)
class Trace:
    """One difference from a sealed home."""

    kind: Kind
    what: str


def unsealed(home: Path) -> tuple[str, ...]:
    """Sentences that name each file and table by which the home differs from a sealed one; empty when it is sealed."""
    return tuple(trace.what for trace in traces(home))


def traces(home: Path) -> tuple[Trace, ...]:
    """Each file and table by which the home differs from a sealed one, and what it gives away."""
    missing = (f"{name} is missing" for name in (*ALLOWED_ROWS, ".data_version") if not (home / name).exists())
    found = [Trace(Kind.OTHER, what) for what in missing]
    found += (_stranger(path.name) for path in strangers(home))
    found += (Trace(Kind.OTHER, f"{path.relative_to(home)} is left from an import") for path in half_done(home))
    for name, allowed in ALLOWED_ROWS.items():
        if (home / name).exists():
            found += rows_beyond(home / name, allowed)
    return tuple(found)


def administrators(home: Path) -> tuple[tuple[str, str], ...]:
    """Names and password hashes of the home's super administrators; none when its database cannot be read."""
    query = """SELECT username, password FROM kolibriauth_facilityuser
               JOIN device_devicepermissions ON user_id = kolibriauth_facilityuser.id WHERE is_superuser"""
    try:
        with opened(home / "db.sqlite3") as database:
            return tuple(database.execute(query))
    except (sqlite3.Error, OSError):
        return ()


def strangers(home: Path) -> Iterator[Path]:
    """What lies in the home's top directory and does not belong in that of a sealed one."""
    return (path for path in sorted(home.iterdir()) if path.name not in ALLOWED_FILES)


def half_done(home: Path) -> tuple[Path, ...]:
    """Files and directories below the home's content that imports left."""
    left = (path for path in (home / "content").rglob("*") if path.name.endswith(_HALF_DONE))
    return tuple(sorted(left))


def _stranger(name: str) -> Trace:
    what = f"{name} does not belong in a sealed home"
    if name in _FILES_OF_PEOPLE:
        return Trace(Kind.PEOPLE, f"{what}: {_FILES_OF_PEOPLE[name]}")
    return Trace(Kind.IDENTITY if name == ".node_id" else Kind.OTHER, what)


def rows_beyond(path: Path, allowed: Mapping[str, int | None]) -> Iterator[Trace]:
    """Each table of a database with more rows than are allowed."""
    try:
        with opened(path) as database:
            tables = database.execute("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name").fetchall()
            for (table,) in tables:
                limit = allowed.get(table, 0)
                if limit is None:
                    continue
                (rows,) = database.execute(f'SELECT count(*) FROM "{table}"').fetchone()
                if rows > limit:
                    what = f"{path.name}: table {table} has {rows} rows; at most {limit} may be in an image"
                    yield Trace(_kind_of(table), what)
    except (sqlite3.Error, OSError) as error:
        yield Trace(Kind.OTHER, f"{path.name} cannot be read: {error}")


def _kind_of(table: str) -> Kind:
    if table.startswith(_OF_IDENTITY):
        return Kind.IDENTITY
    return Kind.PEOPLE if table.startswith(_OF_PEOPLE) else Kind.OTHER


@contextmanager
def opened(path: Path) -> Iterator[sqlite3.Connection]:
    """Open a database for reading, without writing anything beside it.

    What a journal holds has to be seen, but SQLite makes an index for it; so both are copied first.

    Raises:
        sqlite3.OperationalError: it is written to so much that no copy is of one moment.
    """
    journal = path.with_name(f"{path.name}-wal")
    if not journal.exists():
        with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro&immutable=1", uri=True)) as database:
            yield database
        return
    with TemporaryDirectory(prefix="satchel-") as directory:
        copied = Path(directory, path.name)
        copied_journal = copied.with_name(journal.name)

        def copy() -> None:
            shutil.copyfile(path, copied)
            with suppress(FileNotFoundError):
                shutil.copyfile(journal, copied_journal)

        if not copied_at_one_moment(copy, header=lambda: _header(journal), journal=copied_journal):
            raise sqlite3.OperationalError("it is written to all the time; try again when its Kolibri is idle")
        with closing(sqlite3.connect(copied)) as database:
            yield database


def copied_at_one_moment(copy: Callable[[], None], *, header: Callable[[], bytes], journal: Path) -> bool:
    """Copy a database with its journal while a program may write to them; whether the copy is of one moment.

    As long as the journal is not begun anew meanwhile, it has whatever is written into the database while we read that,
    and so mends the copy.

    Args:
        copy: Copies both, the database first.
        header: The first `JOURNAL_HEADER` bytes of the journal as it is now.
        journal: Where the copy of the journal comes to lie.
    """
    for _ in range(_LOOKS):
        before = header()
        journal.unlink(missing_ok=True)
        copy()
        if before == _header(journal):
            return True
    return False


def _header(journal: Path) -> bytes:
    try:
        with journal.open("rb") as file:
            return file.read(JOURNAL_HEADER)
    except FileNotFoundError:
        return b""
