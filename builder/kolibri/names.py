"""The texts by which a Kolibri home knows its device and its people: what must not be found in it once it is sealed."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from builder.kolibri.traces import opened

_IDENTITIES: Final = (
    ("morango_databaseidmodel", "id"),
    ("morango_instanceidmodel", "id"),
    ("kolibriauth_facilitydataset", "id"),
    ("kolibriauth_collection", "id"),
    ("kolibriauth_facilityuser", "id"),
    ("device_deviceappkey", "key"),
)
_SECRETS: Final[Mapping[str, tuple[str, ...]]] = {
    "morango_certificate": ("id", "private_key", "public_key", "signature"),
    "morango_sharedkey": ("private_key", "public_key"),
    "morango_syncsession": ("id",),
    "kolibriauth_facilityuser": ("password",),
    "kolibriauth_session": ("session_key", "session_data"),
    "device_syncqueue": ("id",),
}
"""What was made here at random or by ciphers, by table."""

_NAMES: Final[Mapping[str, tuple[str, ...]]] = {
    "morango_instanceidmodel": ("hostname", "db_path", "node_id", "system_id"),
    # The other side may be a server of Kolibri's makers, whose id every Kolibri knows.
    "morango_syncsession": ("client_ip", "server_ip", "connection_path", "client_instance_id", "server_instance_id"),
    "device_syncqueue": ("instance_id",),
    "device_learnerdevicestatus": ("instance_id",),
    "discovery_pinneddevice": ("instance_id",),
    "morango_nonce": ("ip",),
    "kolibriauth_facilitydataset": ("description", "location"),
    "kolibriauth_collection": ("name",),
    "kolibriauth_facilityuser": ("username", "full_name", "id_number"),
    "device_devicesettings": ("name",),
    "device_osuser": ("os_username",),
    "lessons_lesson": ("title", "description"),
    "exams_exam": ("title",),
    "exams_draftexam": ("title",),
}
"""What people thought of, or others, by table; somebody else may say it, too."""

_PEERS: Final = """SELECT id, base_url, nickname, last_known_ip, device_name, instance_id, broadcast_id
                   FROM discovery_networklocation WHERE location_type <> 'reserved'"""
_SHORTEST: Final = 4
"""Bytes; fewer are found in anything."""


def identities(home: Path) -> tuple[str, ...]:
    """The ids that the home carries now: of database, instances, datasets, facilities, users and app."""
    path = home / "db.sqlite3"
    if not path.exists():
        return ()
    with opened(path) as database:
        return tuple(sorted(_identities(database)))


def secrets(database: sqlite3.Connection) -> frozenset[str]:
    """Ids, keys and digests in one of a home's databases: whoever finds one elsewhere has found a leak."""
    values = (value for table, columns in _SECRETS.items() for value in _values(database, table, columns))
    return _lines(_identities(database)) | _lines(values)


def names(database: sqlite3.Connection) -> frozenset[str]:
    """Names of people, classes, machines and addresses in one of a home's databases; others may use them as words."""
    found = {value for table, columns in _NAMES.items() for value in _values(database, table, columns)}
    if _columns(database, "discovery_networklocation"):
        peers = [str(value) for row in database.execute(_PEERS) for value in row if value]
        found |= {host for value in peers if "//" in value and (host := urlsplit(value).hostname)} | set(peers)
    return _lines(found)


def _identities(database: sqlite3.Connection) -> set[str]:
    return {value for table, column in _IDENTITIES for value in _values(database, table, (column,))}


def _values(database: sqlite3.Connection, table: str, columns: Sequence[str]) -> Iterator[str]:
    """Of columns that the table has; Kolibri had fewer in earlier versions."""
    there = [column for column in columns if column in _columns(database, table)]
    if there:
        for row in database.execute(f"SELECT DISTINCT {', '.join(there)} FROM {table}"):
            yield from (str(value) for value in row if value)


def _columns(database: sqlite3.Connection, table: str) -> set[str]:
    return {name for (name,) in database.execute("SELECT name FROM pragma_table_info(?)", (table,))}


def _lines(values: Iterable[str]) -> frozenset[str]:
    """Line by line, because a key of which one line is found is found; without the armour around keys."""
    lines = (line.strip() for value in values for line in value.splitlines())
    return frozenset(line for line in lines if len(line.encode()) >= _SHORTEST and not line.startswith("-----"))
