"""Sealing a master in place, without Kolibri: a school's names in every corner, a kill, and what starts from it."""

from __future__ import annotations

import json
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
import urllib.request
from contextlib import closing
from pathlib import Path

import pytest

from builder.kolibri.names import identities
from builder.kolibri.search import found_in
from builder.kolibri.traces import unsealed
from builder.kolibri.used_home import STAGE

from .kolibri_device import Device, fetch, fetch_json, unprepared

LEARNERS = {
    f"{given.lower()}_{family.lower()}": f"{given} {family}"
    for given, family in (
        ("Amina", "Wanjiru"), ("Baraka", "Otieno"), ("Chiku", "Mwangi"), ("Daudi", "Kamau"), ("Éloïse", "Nkurunziza"),
        ("Farida", "Hassani"), ("Gakuru", "Njoroge"), ("Halima", "Abdirahman"),
    )
}  # fmt: skip
FACILITY = "Shule ya Msingi Kipepeo"
CLASS = "Darasa la Nne Kipepeo"
LESSON = "Somo la Amina na Baraka"
PEER = "10.77.13.201"
NICKNAME = "Ofisi ya Mwalimu Mkuu"
BOX = "kipepeo-sanduku-01"
NAMES = (*LEARNERS, *LEARNERS.values(), FACILITY, CLASS, LESSON, PEER, NICKNAME, BOX)
PASSWORD = "correct horse battery"

USE = f"""
from kolibri.core.auth.models import Classroom, Facility, FacilityUser
from kolibri.core.device.models import DeviceAppKey, DeviceSettings
from kolibri.core.lessons.models import Lesson
from kolibri.core.logger.models import ContentSessionLog
from django.utils import timezone
facility = Facility.objects.get()
teacher = FacilityUser.objects.get()
room = Classroom.objects.create(name="{CLASS}", parent=facility)
for username, name in {LEARNERS!r}.items():
    learner = FacilityUser.objects.create(username=username, full_name=name, facility=facility)
    learner.set_password("hunter2hunter2"); learner.save()
    room.add_member(learner)
    ContentSessionLog.objects.create(user=learner, content_id="a" * 32, channel_id="b" * 32, kind="exercise",
                                     start_timestamp=timezone.now())
Lesson.objects.create(title="{LESSON}", collection=room, created_by=teacher, resources=[])
DeviceAppKey.get_app_key()
settings = DeviceSettings.objects.get(); settings.name = "{BOX}"; settings.save()
"""


@pytest.fixture(scope="session")
def used(kolibri_venv, drive, tmp_path_factory):
    """A workstation's home with content of its own, which a school has used through its pages."""
    directory = tmp_path_factory.mktemp("master")
    kolibri = unprepared(directory, kolibri_venv).model_copy(update={"content": str(directory / "none")})
    device = Device(kolibri=kolibri, mount=directory, channel=drive[1])
    device.home.parent.mkdir(parents=True)
    for command in ("importchannel", "importcontent"):
        device.kolibri_command("manage", command, "disk", drive[1].id, str(drive[0]))
    device.provision(FACILITY)
    device.kolibri_command("manage", "shell", "-c", USE)
    with device.served() as (pages, _zips):
        _log_in(pages)
    all_days = ("--start_date", "2020-01-01", "--end_date", "2100-01-01")
    for kind in ("session", "summary"):
        device.kolibri_command("manage", "exportlogs", "--use-django-storage", "--log-type", kind, *all_days)
    device.kolibri_command("manage", "dbbackup")
    _write(device.home, "networklocation.sqlite3",
        "INSERT INTO discovery_networklocation (id, base_url, application, kolibri_version, instance_id, device_name,"
        " operating_system, added, last_accessed, nickname, subset_of_users_device, connection_faults,"
        " connection_status, is_local, location_type) VALUES"
        f" ('{'c' * 32}', 'http://{PEER}:8080/', 'kolibri', '0.19.5', '{'d' * 32}', '{NICKNAME}', 'Linux',"
        f" '2026-01-01', '2026-01-01', '{NICKNAME}', 0, 0, 'Okay', 1, 'static')")  # fmt: skip
    user = _rows(device.home, "db.sqlite3", "SELECT id FROM kolibriauth_facilityuser LIMIT 1")[0][0]
    _write(device.home, "syncqueue.sqlite3",
        "INSERT INTO device_syncqueue (id, datetime, updated, keep_alive, instance_id, user_id, attempts, status)"
        f" VALUES ('{'e' * 32}', '2026-01-01', 1.0, 1.0, '{'f' * 32}', '{user}', 0, 'Queued')")  # fmt: skip
    options = device.home / "options.ini"
    options.write_text(options.read_text().replace("[Deployment]", "[Deployment]\nHTTP_PORT = 9090"))
    return device


@pytest.fixture
def home(used, tmp_path):
    """A copy of it, as it lies on a disk."""
    return used.clone(tmp_path / "kolibri").home


def _log_in(pages: str) -> None:
    facility = fetch_json(f"{pages}/api/public/v1/facility/")[0]["id"]
    body = json.dumps({"username": "admin", "password": PASSWORD, "facility": facility}).encode()
    headers = {"Content-Type": "application/json"}
    with urllib.request.urlopen(
        urllib.request.Request(f"{pages}/api/auth/session/", body, headers), timeout=30
    ) as answer:
        assert json.loads(answer.read())["username"] == "admin"


def _rows(home, database, query):
    with closing(sqlite3.connect(home / database)) as connection:
        return connection.execute(query).fetchall()


def _write(home, database, statement):
    with closing(sqlite3.connect(home / database)) as connection, connection:
        connection.execute(statement)


def _seal(home, *options, **more):
    command = (sys.executable, "-m", "builder", "master", "seal", str(home), *options)
    return subprocess.run(command, capture_output=True, text=True, check=False, **more)


def _planted(home) -> tuple[str, ...]:
    sessions = [
        key for row in _rows(home, "sessions.sqlite3", "SELECT session_key FROM kolibriauth_session") for key in row
    ]
    (key,) = _rows(home, "db.sqlite3", "SELECT private_key FROM morango_certificate")[0]
    return (*NAMES, *identities(home), *sessions, key.splitlines()[5], "c" * 32, "e" * 32)


def _everywhere(home, texts) -> list[tuple[Path, str]]:
    return list(found_in((path for path in sorted(home.rglob("*")) if path.is_file()), texts))


def test_no_name_and_no_id_is_left_in_any_byte(home, used):
    planted = _planted(home)
    assert len(planted) > 40
    assert {text for _, text in _everywhere(home, planted)} == set(planted)
    before = {path: path.read_bytes() for path in sorted((home / "content").rglob("*")) if path.is_file()}
    sealed = _seal(home, "--yes", "--json")
    assert sealed.returncode == 0, sealed.stderr
    assert _everywhere(home, planted) == []
    assert unsealed(home) == ()
    assert {path: path.read_bytes() for path in sorted((home / "content").rglob("*")) if path.is_file()} == before
    facts = json.loads(sealed.stdout)
    assert facts["searched"] > len(planted)
    assert facts["channels"] == [
        {"id": used.channel.id, "name": used.channel.name, "resources": used.channel.resources}
    ]
    assert {row["table"]: row["rows"] for row in facts["rows"]}["kolibriauth_facilityuser"] == len(LEARNERS) + 1
    assert {file["path"] for file in facts["files"]} >= {"media", "logs", "backups", "options.ini", "process_cache"}
    assert facts["settings"] == ["HTTP_PORT = 9090"]


def test_copies_of_a_sealed_master_become_schools_of_their_own_with_its_content(home, used, tmp_path):
    old = set(identities(home))
    assert _seal(home, "--yes").returncode == 0
    seen = []
    for name in ("one", "two"):
        copy = tmp_path / name
        shutil.copytree(home, copy)
        device = Device(
            kolibri=used.kolibri.model_copy(update={"home": str(copy)}), mount=tmp_path, channel=used.channel
        )
        device.provision("Same name")
        with device.served() as (pages, zips):
            (channel,) = fetch_json(f"{pages}/api/public/v1/channels/")
            assert channel["total_resource_count"] == used.channel.resources
            app = next(file for file in used.channel.files if file.name.endswith(".zip"))
            assert b"lesson.js" in fetch(f"{zips}/content/zipcontent/{app.name}/index.html")
            _log_in(pages)
        seen.append(set(identities(copy)))
    assert len(seen[0]) >= 5
    assert not seen[0] & seen[1]
    assert not (seen[0] | seen[1]) & old


def test_the_schema_that_is_left_is_kolibris(home, used):
    query = "SELECT type, name, tbl_name, sql FROM sqlite_master WHERE sql IS NOT NULL ORDER BY type, name"
    names = [path.name for path in home.glob("*.sqlite3")]
    before = {name: _rows(home, name, query) for name in names}
    assert _seal(home, "--yes").returncode == 0
    assert {name: _rows(home, name, query) for name in names} == before
    peers = _rows(home, "networklocation.sqlite3", "SELECT nickname FROM discovery_networklocation ORDER BY nickname")
    assert peers == [("Kolibri Data Portal",), ("Kolibri Studio",)]


def test_a_running_kolibri_is_left_alone(home, used, tmp_path):
    device = Device(kolibri=used.kolibri.model_copy(update={"home": str(home)}), mount=tmp_path, channel=used.channel)
    with device.served():
        refused = _seal(home, "--yes")
        assert refused.returncode == 16
        assert "Kolibri runs on" in refused.stderr
        (home / "server.pid").rename(tmp_path / "server.pid")
        refused = _seal(home, "--yes")
        assert refused.returncode == 16
        assert "somebody has" in refused.stderr
        (tmp_path / "server.pid").rename(home / "server.pid")
    assert set(NAMES) - {text for _, text in _everywhere(home, NAMES)} == set()


def test_a_killed_sealing_is_finished_by_the_next(home):
    planted = _planted(home)
    command = (sys.executable, "-m", "builder", "master", "seal", str(home), "--yes")
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as sealing:
        while not (home / STAGE).exists() and sealing.poll() is None:
            time.sleep(0.001)
        sealing.send_signal(signal.SIGKILL)
    assert sealing.returncode == -signal.SIGKILL
    assert any(STAGE in sentence for sentence in unsealed(home))
    assert len(_rows(home, "db.sqlite3", "SELECT id FROM kolibriauth_facilityuser")) == len(LEARNERS) + 1
    assert _seal(home, "--yes").returncode == 0
    assert _everywhere(home, planted) == []
    assert unsealed(home) == ()


def test_a_copy_brings_the_school_back(home, used, tmp_path):
    before = identities(home)
    logs = {path.relative_to(home) for path in (home / "logs").rglob("*")}
    assert _seal(home, "--yes", "--keep-copy", str(tmp_path / "kept")).returncode == 0
    assert (tmp_path / "kept").stat().st_mode & 0o777 == 0o700
    for file in home.glob("*.sqlite3"):
        file.unlink()
    shutil.copytree(tmp_path / "kept", home, dirs_exist_ok=True)
    assert identities(home) == before
    assert {path.relative_to(home) for path in (home / "logs").rglob("*")} == logs
    device = Device(kolibri=used.kolibri.model_copy(update={"home": str(home)}), mount=tmp_path, channel=used.channel)
    with device.served() as (pages, _zips):
        _log_in(pages)
    assert list((tmp_path / "kept" / "media" / "log_export").glob("*.csv"))
