"""A device with a database, a directory and services, on which `satchel-backup` runs as on a real one."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tests.golden.test_postgres import HERE
from tests.integration.postgres.server import ran

PACKAGES = (
    *("e2fsprogs", "openssl", "postgresql-17", "python3", "python3-memcache", "s3cmd"),
    *("swift-account", "swift-container", "swift-object", "swift-proxy", "zstd"),
)
"""Both ends of every target."""

SCHOOL = r"""
import signal, sqlite3
from contextlib import closing

DATA, PUPILS = Path("/srv/data/kolibri"), Path("/srv/data/kolibri/db.sqlite3")
SETTINGS = {
    "keep": 2, "directories": [{"path": str(DATA), "stop": ["kolibri.service"]}], "databases": ["kolibri"],
    "stop": ["app.service"], "mounts": ["/srv/data", "/srv/backup"],
    "targets": [{"name": "disk", "disk": {"path": "/srv/backup/all", "beside_data": False}, "usb": None, "s3": None}],
    "postgres": {"version": 17, "data": "/srv/data/postgres", "port": 5432},
}
CALL = "import sys; sys.path.insert(0, '/usr/lib/satchel'); from backup.command import main; sys.exit(main())"
Path("/usr/bin/systemctl").write_text('''#!/bin/sh
echo "$@" >>/tmp/units.log
case $1 in
show) test -e /run/units/$4 && echo active || echo inactive ;;
stop) shift; for unit; do rm -f /run/units/$unit; done ;;
start) shift; for unit; do touch /run/units/$unit; done ;;
esac
''')
os.chmod("/usr/bin/systemctl", 0o755)
for unit in ("kolibri.service", "app.service"):
    Path("/run/units").mkdir(exist_ok=True)
    Path("/run/units", unit).touch()
Path("/etc/hostname").write_text("school-one\n")

def configure(**other):
    files.write(Path("/usr/lib/satchel/backup.json"), json.dumps({**SETTINGS, **other}))

def backup(*arguments, wait=True):
    argv = (sys.executable, "-B", "-c", CALL, *arguments)
    process = subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    return said(process) if wait else process

def said(process):
    text = process.communicate()[0]
    return [process.returncode, text]

def listed(*arguments):
    return json.loads(backup("list", "--json", *arguments)[1])

def names(target=0):
    return [each["name"] for each in listed()["targets"][target]["backups"]]

def units():
    return sorted(path.name for path in Path("/run/units").iterdir())

def learn(pupil):
    with closing(sqlite3.connect(PUPILS)) as database:
        database.execute("PRAGMA journal_mode=WAL")
        database.execute("CREATE TABLE IF NOT EXISTS pupils (name)")
        database.execute("INSERT INTO pupils VALUES (?)", (pupil,))
        database.commit()
    (DATA / "content" / f"{pupil}.txt").write_text(pupil)
    ask(WANTED, f"INSERT INTO school (name) VALUES ('{pupil}')")

def pupils():
    # What SQLite has, which files there are, and what PostgreSQL has.
    with closing(sqlite3.connect(PUPILS)) as database:
        rows = [name for name, in database.execute("SELECT name FROM pupils ORDER BY rowid")]
    kept = sorted(path.stem for path in (DATA / "content").glob("*.txt"))
    return [rows, kept, ask(WANTED, "SELECT string_agg(name, ' ' ORDER BY id) FROM school").split()]

def databases():
    query = "SELECT datname FROM pg_database WHERE datname !~ '^(template|postgres)' ORDER BY 1"
    return sql(query, port=5432, why="list databases").split()

def open_school():
    cluster.prepare(paths, WANTED)
    server = start(WANTED)
    settle.settle(paths, WANTED)
    return server

def make_school():
    server = open_school()
    sql("CREATE ROLE teacher LOGIN PASSWORD 'chalk'", port=5432, why="have a role that the recipe does not name")
    ask(WANTED, "CREATE TABLE IF NOT EXISTS school (id serial, name citext)")
    sql("GRANT SELECT ON school TO teacher", port=5432, database="kolibri", why="let it read")
    (DATA / "content").mkdir(parents=True)
    shutil.chown(DATA / "content", "www-data", "postgres")
    os.chmod(DATA / "content", 0o2775)
    (DATA / "content/link").symlink_to("../elsewhere")
    os.link(DATA / "content/link", DATA / "content/again", follow_symlinks=False)
    (DATA / "odd \\ name\n").write_bytes(os.urandom(3 << 20))
    learn("lac")
    return server

configure()
"""


def seen_in(program: str, room: Path, *places: str) -> dict[str, Any]:
    """What a program saw on a device; each of `places` is a directory below /srv that it may write to."""
    found = {f"/srv/{name}": room / name for name in ("data", "backup", *places)}
    for path in found.values():
        path.mkdir(exist_ok=True)
    return school(program, room, found)


def school(program: str, room: Path, places: Mapping[str, Path]) -> dict[str, Any]:
    """What a program saw on the device; must be called inside the namespace."""
    config = room / "config"
    config.mkdir()
    for name in ("postgresql.conf", "pg_hba.conf", "pg_ident.conf"):
        text = (HERE / name).read_text()
        (config / name).write_text(text.replace("listen_addresses = '*'", "listen_addresses = 'localhost'"))
    found = ran(SCHOOL + program, room, config, packages=PACKAGES, places=places)
    (room / "seen.json").write_text(json.dumps(found))
    return found
