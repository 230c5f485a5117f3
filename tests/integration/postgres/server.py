"""A tree with PostgreSQL in which the device's own programs run: a test sends a program, and gets what it saw."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from builder.host.namespace import tree_mounted
from builder.host.places import OVERLAYS
from builder.host.sandbox import Mount, Sandbox
from builder.host.tools import ensure_lab
from builder.progress import Reporter

PACKAGES = ("openssl", "postgresql-17", "python3")
_LIBRARIES = {
    "backup": ("backup",),
    "firstboot": ("device", "firstboot", "seed"),
    "postgres": ("postgres",),
    "tls": ("tls",),
}

BEFORE = """
import json, os, pwd, shutil, subprocess, sys, time
sys.path.insert(0, "/usr/lib/satchel")
from dataclasses import replace
from pathlib import Path
from device import files, secret_files, settings as device_settings, tls
from device.errors import DeviceError
from device.paths import Paths
from device.settings import Tls
from postgres import cluster, settle, upgrade
from postgres.programs import sql
from postgres.settings import Database, Replica, Role, Settings
from seed.makers import MAKERS

seen, paths = {}, Paths()
ROLES = (Role(name="app", secret="app-password", replication=False), Role(name="copy", secret="copy", replication=True))
WANTED = Settings(version=17, data="/srv/data/postgres", port=5432, roles=ROLES, replica=None, upgrade_from=(),
                  databases=(Database(name="kolibri", owner="app", extensions=("citext",)),))
for directory in ("/etc/satchel/tls", "/run/postgresql", "/srv/data"):
    Path(directory).mkdir(parents=True, exist_ok=True)
shutil.chown("/run/postgresql", "postgres", "postgres")
os.chmod("/dev/shm", 0o1777)
secret_files.settle(paths, keep="/srv/data")
for name, value in (("app-password", "it's a \\\\ password"), ("copy", "co:py"), ("authority", MAKERS["p256-key"]())):
    secret_files.write(paths, name, value)
KNOWN = device_settings.Settings(
    recipe="trial", hostname="localhost", facility=None, kolibri=None, secrets=(), console_users=(), minutes=30,
    on_new_machine="record", grow=None, esp=None, keep="/srv/data", mounts=(),
    tls=Tls(authority="authority", names=(), group="ssl-cert", reload=()),
)
paths.settings.parent.mkdir(parents=True, exist_ok=True)
paths.settings.touch()
tls.settle(paths, KNOWN, hostname="localhost")
CONFIG = Path("/etc/satchel/postgres")

def start(wanted, config=CONFIG, data=None):
    directory = data or cluster.place(paths, wanted, wanted.version)
    argv = [f"/usr/lib/postgresql/{wanted.version}/bin/postgres", "-D", directory,
            "-c", f"config_file={config}/postgresql.conf", "-c", f"port={wanted.port}"]
    log = open(f"/tmp/log-{wanted.port}", "ab")
    entry = pwd.getpwnam("postgres")
    groups = os.getgrouplist("postgres", entry.pw_gid)
    # As systemd does for a service with an account; a server that copies another looks for files in its home.
    env = {**os.environ, "HOME": entry.pw_dir}
    account = {"user": "postgres", "group": "postgres", "extra_groups": groups, "env": env}
    process = subprocess.Popen(argv, **account, stdout=log, stderr=log)
    while subprocess.run(("pg_isready", "-q", "-h", "/run/postgresql", "-p", str(wanted.port))).returncode:
        assert process.poll() is None, Path(log.name).read_text()
        time.sleep(0.05)
    return process

def stop(process):
    process.send_signal(2)
    process.wait()

def ask(wanted, query, *, user="app", database="kolibri", mode="verify-full", host="localhost", password=None):
    env = {**os.environ, "PGPASSWORD": password or secret_files.read(paths, wanted.secret_of(user)), "PGSSLMODE": mode,
           "PGSSLROOTCERT": cluster.AUTHORITY}
    argv = ("psql", "-XqtA", "-h", host, "-p", str(wanted.port), "-U", user, "-d", database, "-c", query)
    done = subprocess.run(argv, env=env, capture_output=True, text=True)
    return done.stdout.strip() if done.returncode == 0 else f"refused: {done.stderr.strip()}"

def refusal(work):
    try:
        work()
    except DeviceError as error:
        return error.reason
    return "done"
"""


def ran(
    program: str,
    room: Path,
    config: Path,
    *,
    packages: Sequence[str] = PACKAGES,
    older: str | None = None,
    places: Mapping[str, Path] | None = None,
) -> dict[str, Any]:
    """What a program found, in a tree that is thrown away; must be called inside the namespace.

    `older` and `packages` say what the tree has; `places` are further directories, by where the program finds them.
    """
    mounts = [
        Mount(target=f"/usr/lib/satchel/{name}", source=OVERLAYS / overlay / "usr/lib/satchel" / name)
        for overlay, names in _LIBRARIES.items()
        for name in names
    ]
    (room / "program.py").write_text(f"{BEFORE}\n{program}\nprint(json.dumps(seen))\n")
    mounts.append(Mount(target="/program.py", source=room / "program.py"))
    mounts.append(Mount(target="/etc/satchel/postgres", source=config))
    mounts += [Mount(target=target, source=source, writable=True) for target, source in (places or {}).items()]
    (room / "scratch").mkdir()
    lab = ensure_lab(Reporter(), packages, older=older)
    with tree_mounted((lab.tree,), room / "scratch") as tree:
        inside = Sandbox(root=tree, writable=True, mounts=tuple(mounts))
        text = inside.run(("python3", "-B", "/program.py"), why="try PostgreSQL")
    found: dict[str, Any] = json.loads(text.splitlines()[-1])
    return found
