"""Make a database anew with nothing but its schema and the rows that a sealed home may have.

Rows that are never copied need not be deleted: no unused page, no journal and no unfinished copy can still hold them.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from typing import Final

_CHOSEN: Final = {"discovery_networklocation": "location_type = 'reserved'"}
"""Which rows of a table are Kolibri's own, where not all of them are."""

_FORGOTTEN: Final = {
    "discovery_networklocation": "last_known_ip = NULL, broadcast_id = NULL, device_name = '', operating_system = '', "
    "connection_status = 'Unknown', connection_faults = 0"
}
"""What such a row may have learnt in the network, and its value when it is new."""

_SETTINGS: Final = ("page_size", "auto_vacuum", "user_version", "application_id")
_SCHEMA: Final = """SELECT sql FROM sqlite_master
                    WHERE sql IS NOT NULL AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\' AND (type = 'table') = ?"""


def rebuild(database: sqlite3.Connection, target: Path, allowed: Mapping[str, int | None]) -> None:
    """Write `target` with the schema of `database` and the rows of the tables in `allowed`.

    A table with too many rows is not cut: which of them would be the wrong ones is not known here.

    Raises:
        sqlite3.Error: the database cannot be read, or the target not be written.
    """
    with closing(sqlite3.connect(target, isolation_level=None)) as made:
        for setting in _SETTINGS:
            made.execute(f"PRAGMA {setting} = {database.execute(f'PRAGMA {setting}').fetchone()[0]}")
        # Nobody reads it before it is whole.
        made.execute("PRAGMA synchronous = OFF")
        made.execute("BEGIN")
        _run(made, database.execute(_SCHEMA, (True,)))
        for table in tables(database):
            if table in allowed and table != "sqlite_sequence":
                _copy(database, made, table)
        _run(made, database.execute(_SCHEMA, (False,)))
        made.execute("COMMIT")
        # As Kolibri's own databases come; otherwise a device would change the file when it first opens it.
        made.execute("PRAGMA journal_mode = WAL")
    descriptor = os.open(target, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def tables(database: sqlite3.Connection) -> tuple[str, ...]:
    """The names of all tables, SQLite's own included."""
    return tuple(
        name for (name,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name")
    )


def rows_to_go(database: sqlite3.Connection, allowed: Mapping[str, int | None]) -> dict[str, int]:
    """How many rows `rebuild` leaves behind, by table; of tables that lose none nothing is said."""
    lost = {}
    for table in tables(database):
        where = "" if table not in allowed else f" WHERE NOT ({_CHOSEN[table]})" if table in _CHOSEN else None
        if where is not None:
            (lost[table],) = database.execute(f'SELECT count(*) FROM "{table}"{where}').fetchone()
    return {table: rows for table, rows in lost.items() if rows}


def published(path: Path, text: str) -> bool:
    """Whether a rebuilt database says the text itself: in its schema, or in a row of Kolibri or a channel."""
    with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro&immutable=1", uri=True)) as database:
        for table in ("sqlite_master", *tables(database)):
            columns = [name for (name,) in database.execute("SELECT name FROM pragma_table_info(?)", (table,))]
            said = " OR ".join(f'instr("{column}", ?1)' for column in columns)
            if database.execute(f'SELECT 1 FROM "{table}" WHERE {said} LIMIT 1', (text,)).fetchone():
                return True
    return False


def _run(made: sqlite3.Connection, statements: sqlite3.Cursor) -> None:
    for (statement,) in statements.fetchall():
        made.execute(statement)


def _copy(database: sqlite3.Connection, made: sqlite3.Connection, table: str) -> None:
    rows = database.execute(f'SELECT * FROM "{table}" WHERE {_CHOSEN.get(table, "TRUE")}')
    places = ", ".join("?" * len(rows.description))
    made.executemany(f'INSERT INTO "{table}" VALUES ({places})', rows)
    if table in _FORGOTTEN:
        made.execute(f"UPDATE {table} SET {_FORGOTTEN[table]}")
