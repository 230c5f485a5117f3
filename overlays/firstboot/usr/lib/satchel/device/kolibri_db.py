"""What Kolibri's own database says: the only witness that counts, because Kolibri's exit codes do not.

Found by running Kolibri 0.19.5: it exits with 0 for inputs that leave a device to which nobody can log in, and a login
sets `kolibriauth_facilityuser.last_login`, while a wrong password leaves it NULL.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

from seed.born import Born

_BUSY_SECONDS = 30.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Provisioning:
    """How far a Kolibri has come in being somebody's."""

    provisioned: bool
    """Kolibri's own flag."""
    facilities: tuple[tuple[str, str, str], ...]
    """Id, dataset id and name of each."""
    superusers: tuple[str, ...]
    """User names."""
    instance_id: str | None
    database_id: str | None

    @property
    def untouched(self) -> bool:
        """Nobody has provisioned it, not even partly."""
        return not (self.provisioned or self.facilities or self.superusers)

    @property
    def in_use(self) -> bool:
        """Somebody's for some time: its people may have renamed the superuser, or imported further facilities."""
        return bool(self.provisioned and self.facilities and self.superusers)

    def complete(self, admin: str) -> bool:
        """Exactly one facility, the named superuser, and Kolibri knows that it is provisioned."""
        return self.provisioned and len(self.facilities) == 1 and admin in self.superusers


@contextmanager
def _reading(home: Path) -> Iterator[sqlite3.Connection]:
    uri = f"{(home / 'db.sqlite3').absolute().as_uri()}?mode=ro"
    with closing(sqlite3.connect(uri, uri=True, timeout=_BUSY_SECONDS)) as connection:
        yield connection


def provisioning(home: Path) -> Provisioning:
    """What the database of a home says.

    Raises:
        sqlite3.Error: it cannot be read.
    """
    with _reading(home) as db:
        facilities = db.execute("SELECT id, dataset_id, name FROM kolibriauth_collection WHERE kind = 'facility'")
        superusers = db.execute(
            "SELECT u.username FROM kolibriauth_facilityuser u JOIN device_devicepermissions p ON p.user_id = u.id"
            " WHERE p.is_superuser = 1"
        )
        flag = db.execute("SELECT is_provisioned FROM device_devicesettings").fetchone()
        instance = db.execute("SELECT id, database_id FROM morango_instanceidmodel WHERE current = 1").fetchone()
        return Provisioning(
            provisioned=bool(flag and flag[0]),
            facilities=tuple(facilities.fetchall()),
            superusers=tuple(name for (name,) in superusers),
            instance_id=instance[0] if instance else None,
            database_id=instance[1] if instance else None,
        )


def set_location(home: Path, location: str) -> None:
    """Write down where the facility is; Kolibri has no command for it. May be done again.

    Root may do this: SQLite gives its journal files the owner of the database.

    Raises:
        sqlite3.Error: the database cannot be written.
    """
    with closing(sqlite3.connect(home / "db.sqlite3", timeout=_BUSY_SECONDS)) as db, db:
        # The mark of Morango: a row that the next synchronization has to look at.
        db.execute("UPDATE kolibriauth_facilitydataset SET location = ?, _morango_dirty_bit = 1", (location,))


def plant(home: Path, born: Born) -> None:
    """Give a sealed home the facility that was born for it elsewhere: all rows of it, or none.

    Raises:
        sqlite3.Error: the rows are not those of this database, or it cannot be written.
    """
    with closing(sqlite3.connect(home / "db.sqlite3", timeout=_BUSY_SECONDS)) as db, db:
        for table, row in born.rows.items():
            # Names cannot be bound as values; `unpack` lets only plain ones through.
            columns = ", ".join(f'"{column}"' for column in row)
            places = ", ".join("?" for _ in row)
            db.execute(f'INSERT INTO "{table}" ({columns}) VALUES ({places})', tuple(row.values()))


def own_facility(home: Path) -> tuple[str, str, str]:
    """Id, dataset id and name of the facility that a device calls its own: others may have been imported.

    Raises:
        sqlite3.Error: the database cannot be read.
        ValueError: there is no facility.
    """
    with _reading(home) as db:
        row = db.execute(
            "SELECT c.id, c.dataset_id, c.name FROM kolibriauth_collection c"
            " LEFT JOIN device_devicesettings d ON d.default_facility_id = c.id"
            " WHERE c.kind = 'facility' ORDER BY d.id IS NULL, c.id LIMIT 1"
        ).fetchone()
    if row is None:
        raise ValueError("there is no facility")
    facility_id, dataset_id, name = row
    return facility_id, dataset_id, name


def admin_has_logged_in(home: Path) -> bool:
    """Whether any super admin has ever logged in.

    Raises:
        sqlite3.Error: the database cannot be read.
    """
    with _reading(home) as db:
        row = db.execute(
            "SELECT 1 FROM kolibriauth_facilityuser u JOIN device_devicepermissions p ON p.user_id = u.id"
            " WHERE p.is_superuser = 1 AND u.last_login IS NOT NULL LIMIT 1"
        )
        return row.fetchone() is not None
