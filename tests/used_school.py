"""A small home as Kolibri lays it out, with one of everything that people leave behind."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

from builder.kolibri.traces import ALLOWED_ROWS

LEARNER = "Amina Wanjiru Okello"
FACILITY = "Shule ya Kipepeo"
PEER = "10.77.13.201"
CHANNEL = "c" * 32
STUDIO = "5" * 32
KEY = "-----BEGIN RSA PRIVATE KEY-----\n" + "Zm9vYmFy" * 8 + "\n-----END RSA PRIVATE KEY-----"

_TABLES = {
    "db.sqlite3": (
        "content_channelmetadata (id TEXT PRIMARY KEY, name TEXT)",
        "content_contentnode (id TEXT PRIMARY KEY, channel_id TEXT, title TEXT, kind TEXT, available INTEGER)",
        "device_contentcachekey (id INTEGER PRIMARY KEY AUTOINCREMENT, key INTEGER)",
        "kolibriauth_facilitydataset (id TEXT, description TEXT)",
        "kolibriauth_collection (id TEXT, name TEXT)",
        "kolibriauth_facilityuser (id TEXT, username TEXT, full_name TEXT, password TEXT)",
        "discovery_pinneddevice (instance_id TEXT)",
        "logger_attemptlog (id INTEGER PRIMARY KEY AUTOINCREMENT, user_id TEXT)",
        "morango_certificate (id TEXT, private_key TEXT)",
        "a_future_table (x TEXT)",
    ),
    "networklocation.sqlite3": (
        "discovery_networklocation (id TEXT, base_url TEXT, nickname TEXT, last_known_ip TEXT, broadcast_id TEXT,"
        " device_name TEXT, instance_id TEXT, operating_system TEXT, connection_status TEXT, connection_faults INTEGER,"
        " location_type TEXT)",
    ),
    "sessions.sqlite3": ("kolibriauth_session (session_key TEXT, session_data TEXT)",),
}
_ROWS = {
    "db.sqlite3": (
        f"content_channelmetadata VALUES ('{CHANNEL}', 'Kusoma')",
        f"content_contentnode VALUES ('n1', '{CHANNEL}', 'Hadithi ya Sungura', 'document', 1)",
        f"content_contentnode VALUES ('n2', '{CHANNEL}', 'Mada', 'topic', 1)",
        f"content_contentnode VALUES ('n3', '{CHANNEL}', 'Haipo', 'video', 0)",
        "device_contentcachekey VALUES (1, 17)",
        f"kolibriauth_facilitydataset VALUES ('{'1' * 32}', '')",
        f"kolibriauth_collection VALUES ('{'2' * 32}', '{FACILITY}')",
        f"kolibriauth_facilityuser VALUES ('{'3' * 32}', 'amina_7', '{LEARNER}', 'pbkdf2_sha256$x$abcdef')",
        *(f"logger_attemptlog (user_id) VALUES ('{'3' * 32}')",) * 3,
        f"morango_certificate VALUES ('{'1' * 32}', '{KEY}')",
        f"discovery_pinneddevice VALUES ('{STUDIO}')",
        f"a_future_table VALUES ('{LEARNER}')",
    ),
    "networklocation.sqlite3": (
        f"discovery_networklocation VALUES ('{STUDIO}', 'https://studio.example', 'Kolibri Studio', '203.0.113.9',"
        f" 'net', '', '{STUDIO}', '', 'Okay', 2, 'reserved')",
        f"discovery_networklocation VALUES ('{'4' * 32}', 'http://{PEER}:8080/', 'Ofisi', NULL, NULL, 'sanduku', 'p',"
        " 'Linux', 'Okay', 0, 'static')",
    ),
    "sessions.sqlite3": (f"kolibriauth_session VALUES ('{'k' * 32}', 'ZGF0YQ==')",),
}


def make_school(home: Path) -> Path:
    """Make the home and return it."""
    home.mkdir()
    for name in ALLOWED_ROWS:
        with closing(sqlite3.connect(home / name)) as database, database:
            database.execute("CREATE TABLE django_migrations (id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT)")
            database.execute("INSERT INTO django_migrations (name) VALUES ('0001_initial')")
            for table in _TABLES.get(name, ()):
                database.execute(f"CREATE TABLE {table}")
            for row in _ROWS.get(name, ()):
                database.execute(f"INSERT INTO {row}")
    with closing(sqlite3.connect(home / "db.sqlite3")) as database:
        database.execute("CREATE INDEX by_name ON kolibriauth_facilityuser (full_name)")
        database.execute("PRAGMA user_version = 7")
    (home / ".data_version").write_text("0.19.5")
    (home / "plugins.json").write_text("{}")
    (home / "options.ini").write_text("# Settings\n[Paths]\n# CONTENT_DIR = content\n[Deployment]\nHTTP_PORT = 9090\n")
    (home / "logs").mkdir()
    (home / "logs" / "kolibri.txt").write_text(f"INFO {LEARNER} at {FACILITY}\n")
    databases = home / "content" / "databases"
    databases.mkdir(parents=True)
    (databases / f"{CHANNEL}.sqlite3").write_bytes(b"Kusoma")
    half = home / "content" / "storage" / "a" / "b" / "ab.mp4.chunks"
    half.mkdir(parents=True)
    (half / ".chunk_1").write_bytes(b"123")
    return home


def put(home: Path, database: str, statement: str) -> None:
    """Run a statement on one of the home's databases."""
    with closing(sqlite3.connect(home / database)) as connection, connection:
        connection.execute(statement)


def rows(home: Path, database: str, query: str) -> list[tuple[object, ...]]:
    """What a query finds in one of the home's databases; nothing is written beside it."""
    path = (home / database).absolute().as_uri()
    with closing(sqlite3.connect(f"{path}?mode=ro", uri=True)) as connection:
        return connection.execute(query).fetchall()
