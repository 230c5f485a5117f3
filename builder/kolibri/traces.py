"""What in a Kolibri home could tell one device, facility or person from another. Reads only; the audit uses it too."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from pathlib import Path
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
    problems = [f"{name} is missing" for name in (*ALLOWED_ROWS, ".data_version") if not (home / name).exists()]
    problems += [f"{path.name} does not belong in a sealed home" for path in _strangers(home)]
    problems += [f"content/{path} is left from an import" for path in _half_done(home)]
    for name, allowed in ALLOWED_ROWS.items():
        if (home / name).exists():
            problems += _rows_beyond(home / name, allowed)
    return tuple(problems)


def identities(home: Path) -> tuple[str, ...]:
    """The ids that the home carries now: of database, instances, datasets, facilities, users and app."""
    path = home / "db.sqlite3"
    if not path.exists():
        return ()
    found: set[str] = set()
    with closing(_open(path)) as database:
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


def _rows_beyond(path: Path, allowed: Mapping[str, int | None]) -> list[str]:
    problems = []
    try:
        with closing(_open(path)) as database:
            tables = database.execute("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name").fetchall()
            for (table,) in tables:
                (rows,) = database.execute(f'SELECT count(*) FROM "{table}"').fetchone()
                limit = allowed.get(table, 0)
                if limit is not None and rows > limit:
                    problems.append(f"{path.name}: table {table} has {rows} rows; at most {limit} may be in an image")
    except sqlite3.Error as error:
        return [f"{path.name} cannot be read: {error}"]
    return problems


def _open(path: Path) -> sqlite3.Connection:
    """Open for reading. A journal beside the file has to be seen; without one, nothing may be written beside it."""
    has_journal = path.with_name(f"{path.name}-wal").exists()
    return sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro{'' if has_journal else '&immutable=1'}", uri=True)


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
