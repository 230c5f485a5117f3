"""Kolibri in a container: it becomes somebody's first, then it serves. What the image runs.

A Kolibri that listens and belongs to nobody lets anyone become its owner, so the facility and its administrator are
made before anything listens, and the database is asked whether they are there: Kolibri's exit status does not tell.
Found by running Kolibri 0.19.5: a kill while it makes them leaves "done" in its cache, so the cache goes first.

The environment says what to make (FACILITY_NAME, FACILITY_PRESET, FACILITY_LANGUAGE, FACILITY_ADMIN) and where data
lies (Kolibri's own KOLIBRI_HOME and KOLIBRI_DATABASE_...). The administrator's password is in a file.
"""

import json
import os
import shutil
import sqlite3
import subprocess
import sys
import tempfile
from contextlib import closing
from pathlib import Path

KOLIBRI = "/opt/kolibri/bin/kolibri"
PASSWORD = Path("/run/secrets/kolibri-admin")
MEMORY = "/dev/shm"
"""Where the administrator's password may lie for a moment, as Kolibri wants it."""

_FACILITIES = "SELECT count(*) FROM kolibriauth_collection WHERE kind = 'facility'"
_OWNERS = "SELECT count(*) FROM device_devicepermissions WHERE is_superuser"


def main() -> None:
    """Make what is missing, then become Kolibri."""
    home = Path(os.environ["KOLIBRI_HOME"])
    if not owned(home):
        establish(home)
    os.execv(KOLIBRI, (KOLIBRI, "start", "--foreground"))


def establish(home: Path) -> None:
    """Make the facility and its administrator.

    Raises:
        RuntimeError: they are not there afterwards.
    """
    shutil.rmtree(home / "process_cache", ignore_errors=True)
    with tempfile.TemporaryDirectory(dir=MEMORY) as directory:
        wanted = Path(directory) / "facility.json"
        wanted.write_text(json.dumps(facility()))
        environment = {**os.environ, "KOLIBRI_AUTOMATIC_PROVISION_FILE": str(wanted)}
        done = subprocess.run((KOLIBRI, "configure", "setup"), env=environment, check=False)
    if done.returncode != 0 or not owned(home):
        raise RuntimeError(f"Kolibri made no facility (exit status {done.returncode}); it stays closed")


def facility() -> dict[str, object]:
    """What Kolibri makes (schema: `provision_from_file` in its core/device/utils.py)."""
    name = os.environ["FACILITY_NAME"]
    return {
        "facility_name": name,
        "preset": os.environ["FACILITY_PRESET"],
        "facility_settings": {},
        "device_settings": {"language_id": os.environ["FACILITY_LANGUAGE"], "name": name[:50]},
        "superuser": {"username": os.environ["FACILITY_ADMIN"], "password": PASSWORD.read_text().strip()},
    }


def owned(home: Path) -> bool:
    """Whether there are a facility and somebody who administers it.

    Raises:
        RuntimeError: there is one without the other, which only a person can put right.
    """
    facilities, owners = counted(home)
    if bool(facilities) != bool(owners):
        raise RuntimeError(f"the database has {facilities} facilities and {owners} administrators")
    return facilities > 0


def counted(home: Path) -> tuple[int, int]:
    """Facilities and administrators in the database; none where its tables are not made yet."""
    if os.environ.get("KOLIBRI_DATABASE_ENGINE", "sqlite") == "postgres":
        return _counted_by_postgres()
    file = home / "db.sqlite3"
    if not file.exists():
        return 0, 0
    with closing(sqlite3.connect(f"{file.as_uri()}?mode=ro", uri=True, timeout=30)) as database:
        try:
            return database.execute(_FACILITIES).fetchone()[0], database.execute(_OWNERS).fetchone()[0]
        except sqlite3.OperationalError as error:
            if "no such table" not in str(error):
                raise
            return 0, 0


def _counted_by_postgres() -> tuple[int, int]:
    import psycopg2  # noqa: PLC0415  # only where there is such a database
    from psycopg2 import errors  # noqa: PLC0415

    names = {"NAME": "dbname", "SSL_MODE": "sslmode", "SSL_ROOT_CERT": "sslrootcert"}
    names |= {name: name.lower() for name in ("USER", "PASSWORD", "HOST", "PORT")}
    settings = {ours: os.environ.get(f"KOLIBRI_DATABASE_{name}") for name, ours in names.items()}
    with closing(psycopg2.connect(**{key: value for key, value in settings.items() if value})) as database:
        try:
            with database.cursor() as cursor:
                cursor.execute(f"SELECT ({_FACILITIES}), ({_OWNERS})")
                facilities, owners = cursor.fetchone()
        except errors.UndefinedTable:
            return 0, 0
        return facilities, owners


if __name__ == "__main__":
    try:
        main()
    except (OSError, RuntimeError, KeyError) as error:
        sys.exit(f"Kolibri is not started: {error!r}")
