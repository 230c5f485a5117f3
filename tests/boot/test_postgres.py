"""PostgreSQL on a device that boots: verified TLS, and the data of an earlier release taken over. Takes minutes."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from builder.boot import card
from builder.boot.accelerator import choose
from builder.boot.diary import Patience
from builder.boot.machine import MachineSpec
from builder.boot.session import session
from builder.boot.subject import Firmware
from builder.host.places import RECIPES, REPOSITORY
from builder.host.tools import ensure_lab
from builder.progress import Reporter
from builder.units import GIB
from tests.integration.conftest import _run_inside

pytestmark = pytest.mark.vm

DRILL = r"""
seen() { echo "seen $1: $(echo $2)"; }
ask() {
    PGPASSWORD=$(cat /etc/satchel/secrets/app-password) PGSSLMODE=verify-full \
    PGSSLROOTCERT=/etc/satchel/tls/authority-certificate.pem psql -XqtA -h localhost -U app -d school -c "$1"
}
seen tls "$(ask 'SELECT version, current_user FROM pg_stat_ssl WHERE pid = pg_backend_pid()')"

# What an earlier image would have left, after a power cut.
systemctl stop satchel-postgres
cd /srv/data/postgres
mv 17 /srv/data/aside
install -d -m 700 -o postgres -g postgres 15 /run/earlier
old() { setpriv --reuid postgres --regid postgres --init-groups /usr/lib/postgresql/15/bin/"$@"; }
old initdb --pgdata 15 --encoding=UTF8 --locale=C.UTF-8 --data-checksums --auth-local=peer >/dev/null
old pg_ctl -D 15 -w -s -l /dev/null -o "-c listen_addresses= -c unix_socket_directories=/run/earlier" start
old createdb -h /run/earlier school
old psql -Xq -h /run/earlier school -c "CREATE TABLE work AS SELECT i FROM generate_series(1, 1000) i" \
    -c "GRANT SELECT ON work TO PUBLIC" -c CHECKPOINT
old pg_ctl -D 15 -w -s -m immediate stop

systemctl start satchel-postgres
until [ "$(systemctl is-active satchel-postgres)" = failed ]; do sleep 1; done
seen failed "$(systemctl --failed --plain --no-legend)"
seen journal "$(journalctl -u satchel-postgres -n 12 -o cat)"
seen untouched "$(ls -A)"
seen upgrade "$(satchel-postgres upgrade 2>&1)"
seen active "$(systemctl is-active satchel-postgres)"
seen work "$(ask 'SELECT count(*) FROM work')"
seen both "$(satchel-postgres status)"
seen confirm "$(satchel-postgres confirm --yes 2>&1)"
seen new "$(ls -A)"
seen end .
"""
RECIPE = f"""\
version: 1
name: databases
description: A database server that takes over the data of an earlier release
extends: [{RECIPES}/lib/debian-pc.yml, {RECIPES}/lib/postgres.yml]
base: {{older: bookworm}}
packages: {{apt: [postgresql-15]}}
users:
  - {{name: technician, home: /srv/data/technician}}
disk:
  partitions:
    - name: root
      subvolumes: [{{name: "@home", data: system}}]
    - {{name: data, size: 1GiB, filesystem: btrfs, label: data, mount: /srv/data, data: valuable, grow: true}}
outputs: {{zst: false}}
secrets:
  - {{name: app-password}}
database:
  postgres:
    upgrade_from: [15]
    roles: [{{name: app, secret: app-password}}]
    databases: [{{name: school, owner: app, extensions: [citext]}}]
checks:
  - name: the drill begins
    command:
      run: [systemd-run, --expand-environment=no, -p, StandardOutput=journal+console, bash, -c, {json.dumps(DRILL)}]
"""


def test_a_database_is_served_by_verified_tls_and_taken_over_from_an_earlier_release(tmp_path: Path) -> None:
    (tmp_path / "databases.yml").write_text(RECIPE)
    env = {**os.environ, "PYTHONPATH": str(REPOSITORY)}
    build = (sys.executable, "-m", "builder", "build", "databases.yml", "--progress", "plain")
    subprocess.run(build, cwd=tmp_path, env=env, check=True)
    image = tmp_path / "dist/databases/databases.img"

    def inside() -> None:
        tools = ensure_lab(Reporter())
        accelerator = choose(tools, tmp_path)
        spec = MachineSpec(name="server", computer="server", firmware=Firmware.UEFI, acceleration=accelerator.kind)
        (tmp_path / "server").mkdir()
        size = image.stat().st_size + GIB
        sandbox = card.insert(tools, accelerator, image, card_bytes=size, directory=tmp_path / "server")
        patience = Patience.with_accelerator(accelerator)
        with session(sandbox, spec, logs=tmp_path, cancelled=threading.Event()) as device:
            report = device.ask("stay", within=patience.first_boot)
            assert [check.name for check in report.checks if not check.ok] == []
            device.await_text("seen end: .", within=patience.first_boot)

    _run_inside(inside)
    seen = dict(re.findall(r"seen (\w+): (.*)", (tmp_path / "server.console.log").read_text()))
    assert seen["tls"] == "TLSv1.3|app"
    assert seen["failed"].startswith("satchel-postgres.service")
    assert "the data of this device is of PostgreSQL 15, and this system has 17" in seen["journal"]
    assert "`sudo satchel-postgres upgrade --dry-run`" in seen["journal"]
    assert seen["untouched"] == "15"
    assert "by sharing its blocks" in seen["upgrade"]
    assert "Done." in seen["upgrade"]
    assert seen["active"] == "active"
    assert seen["work"] == "1000"
    assert "/srv/data/postgres/15 PostgreSQL 15, kept from an earlier system" in seen["both"]
    assert seen["confirm"] == "The data of PostgreSQL 15 is removed."
    assert seen["new"] == "17"
