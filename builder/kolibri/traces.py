"""What in a Kolibri home could tell one device, facility or person from another. Reads only; the audit uses it too."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from enum import Enum, auto
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

_UNLIMITED: Final = None

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
    "logs": "names of people and of the facility, and command lines",
    "backups": "whole copies of the database",
}


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


_IDENTITIES: Final = (
    ("morango_databaseidmodel", "id"),
    ("morango_instanceidmodel", "id"),
    ("kolibriauth_facilitydataset", "id"),
    ("kolibriauth_collection", "id"),
    ("kolibriauth_facilityuser", "id"),
    ("device_deviceappkey", "key"),
)
_CHUNK: Final = 1 << 20


def unsealed(home: Path) -> tuple[str, ...]:
    """Sentences that name each file and table by which the home differs from a sealed one; empty when it is sealed."""
    return tuple(trace.what for trace in traces(home))


def traces(home: Path) -> tuple[Trace, ...]:
    """Each file and table by which the home differs from a sealed one, and what it gives away."""
    missing = (f"{name} is missing" for name in (*ALLOWED_ROWS, ".data_version") if not (home / name).exists())
    found = [Trace(Kind.OTHER, what) for what in missing]
    found += (_stranger(path.name) for path in _strangers(home))
    found += (Trace(Kind.OTHER, f"content/{path} is left from an import") for path in _half_done(home))
    for name, allowed in ALLOWED_ROWS.items():
        if (home / name).exists():
            found += _rows_beyond(home / name, allowed)
    return tuple(found)


def administrators(home: Path) -> tuple[tuple[str, str], ...]:
    """Names and password hashes of the home's super administrators; none when its database cannot be read."""
    query = """SELECT username, password FROM kolibriauth_facilityuser
               JOIN device_devicepermissions ON user_id = kolibriauth_facilityuser.id WHERE is_superuser"""
    try:
        with _opened(home / "db.sqlite3") as database:
            return tuple(database.execute(query))
    except (sqlite3.Error, OSError):
        return ()


def identities(home: Path) -> tuple[str, ...]:
    """The ids that the home carries now: of database, instances, datasets, facilities, users and app."""
    path = home / "db.sqlite3"
    if not path.exists():
        return ()
    found: set[str] = set()
    with _opened(path) as database:
        for table, column in _IDENTITIES:
            found.update(value for (value,) in database.execute(f"SELECT {column} FROM {table}") if value)
    return tuple(sorted(found))


def needles_found(home: Path, needles: Sequence[str]) -> tuple[str, ...]:
    """Sentences about texts found in the bytes of any file of the home, besides files of content."""
    return tuple(f"{place} contains {needle!r}" for place, needle in _found(home, needles))


def common_texts(directories: Sequence[Path], texts: Sequence[str]) -> frozenset[str]:
    """Those of `texts` that prove nothing, because databases as they are published hold them: a host called `learn`."""
    return frozenset(text for directory in directories for _, text in _found(directory, texts))


def _found(directory: Path, needles: Sequence[str]) -> Iterator[tuple[Path, str]]:
    wanted = {needle: needle.encode() for needle in needles if needle}
    for path in sorted(path for path in directory.rglob("*") if path.is_file()) if wanted else ():
        place = path.relative_to(directory)
        if place.parts[:2] != ("content", "storage"):
            yield from ((place, needle) for needle in _search(path, wanted))


def _strangers(home: Path) -> Iterator[Path]:
    return (path for path in sorted(home.iterdir()) if path.name not in ALLOWED_FILES)


def _half_done(home: Path) -> Iterable[Path]:
    content = home / "content"
    left = (path for path in content.rglob("*") if path.name.endswith((".transfer", ".chunks", "-upgrade.sqlite3")))
    return (path.relative_to(content) for path in sorted(left))


def _stranger(name: str) -> Trace:
    what = f"{name} does not belong in a sealed home"
    if name in _FILES_OF_PEOPLE:
        return Trace(Kind.PEOPLE, f"{what}: {_FILES_OF_PEOPLE[name]}")
    return Trace(Kind.IDENTITY if name == ".node_id" else Kind.OTHER, what)


def _rows_beyond(path: Path, allowed: Mapping[str, int | None]) -> Iterator[Trace]:
    try:
        with _opened(path) as database:
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
def _opened(path: Path) -> Iterator[sqlite3.Connection]:
    """Open for reading, without writing anything beside it.

    What a journal holds has to be seen, but SQLite makes an index for it; so both are copied first.
    """
    journal = path.with_name(f"{path.name}-wal")
    if not journal.exists():
        with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro&immutable=1", uri=True)) as database:
            yield database
        return
    with TemporaryDirectory(prefix="satchel-") as directory:
        for file in (path, journal):
            shutil.copyfile(file, Path(directory, file.name))
        with closing(sqlite3.connect(Path(directory, path.name))) as database:
            yield database


def _search(path: Path, wanted: Mapping[str, bytes]) -> list[str]:
    """The texts found in a file, read in pieces that overlap by the longest text."""
    overlap = max(map(len, wanted.values())) - 1
    found: set[str] = set()
    tail = b""
    with path.open("rb") as file:
        while piece := file.read(_CHUNK):
            window = tail + piece
            found.update(needle for needle, raw in wanted.items() if raw in window)
            tail = window[-overlap:] if overlap else b""
    return sorted(found)
