"""Sealing a home that a school has used: learners' names in every corner, and none of them left."""

from __future__ import annotations

import shutil
import sqlite3
from contextlib import closing

import pytest

from builder.errors import BuildFailed
from builder.kolibri.names import identities
from builder.kolibri.seal import clean, deprovision, require_sealed
from builder.kolibri.search import needles_found
from builder.kolibri.traces import unsealed

from .kolibri_device import HOST, HostRunner

LEARNER = "Amina Wanjiru Okello"
USERNAME = "amina_wanjiru_7"
CLASS = "Darasa la Nne Kipepeo"
FACILITY = "Shule ya Msingi Kipepeo"
PEER = "10.77.13.201"
NAMES = (LEARNER, USERNAME, CLASS, FACILITY, PEER)

USE = f"""
from kolibri.core.auth.models import Classroom, Facility, FacilityUser
from kolibri.core.device.models import DeviceAppKey
from kolibri.core.lessons.models import Lesson
facility = Facility.objects.get()
learner = FacilityUser.objects.create(username="{USERNAME}", full_name="{LEARNER}", facility=facility)
learner.set_password("hunter2hunter2"); learner.save()
room = Classroom.objects.create(name="{CLASS}", parent=facility)
room.add_member(learner)
teacher = FacilityUser.objects.exclude(id=learner.id).get()
Lesson.objects.create(title="{CLASS}: {LEARNER}", collection=room, created_by=teacher, resources=[])
DeviceAppKey.get_app_key()
"""


@pytest.fixture
def used(sealed, tmp_path):
    """A clone with a facility, a learner, a class, exports, a peer, logs and a session."""
    device = sealed.clone(tmp_path / "home")
    device.provision(FACILITY)
    device.kolibri_command("manage", "shell", "-c", USE)
    export = device.home / "media" / "log_export" / "content_session_logs.csv"
    export.parent.mkdir(parents=True)
    export.write_text(f"{LEARNER},{USERNAME},{CLASS}\n")
    backup = device.home / "backups" / "db.dump"
    backup.parent.mkdir(exist_ok=True)
    backup.write_text(f"INSERT {LEARNER}")
    with (device.home / "logs" / "kolibri.txt").open("a") as log:
        log.write(f"INFO login {USERNAME} at {FACILITY}\n")
    ((learner,),) = _rows(
        device, "db.sqlite3", f"SELECT id FROM kolibriauth_facilityuser WHERE username = '{USERNAME}'"
    )
    session = f"(session_key, session_data, expire_date, user_id) VALUES ('k', '{USERNAME}', '2030-01-01', '{learner}')"
    _write(device, "sessions.sqlite3", f"INSERT INTO kolibriauth_session {session}")
    columns = [
        row[1] for row in _rows(device, "networklocation.sqlite3", "PRAGMA table_info(discovery_networklocation)")
    ]
    values = ", ".join(
        {"id": f"'{learner}'", "base_url": f"'http://{PEER}:8080/'", "nickname": f"'{CLASS}'"}.get(name, name)
        for name in columns
    )
    _write(device, "networklocation.sqlite3", f"INSERT INTO discovery_networklocation SELECT {values} "
           "FROM discovery_networklocation LIMIT 1")  # fmt: skip
    return device


def _rows(device, database, query):
    with closing(sqlite3.connect(device.home / database)) as connection:
        return connection.execute(query).fetchall()


def _write(device, database, statement):
    with closing(sqlite3.connect(device.home / database)) as connection, connection:
        connection.execute(statement)


def test_a_used_home_is_refused_with_every_place_named(used):
    problems = "\n".join(unsealed(used.home))
    for place in (
        "table kolibriauth_facilityuser has 2 rows", "table kolibriauth_collection has 2 rows", "morango_certificate",
        "morango_databaseidmodel", "device_deviceappkey", "lessons_lesson", "kolibriauth_session",
        "discovery_networklocation has 3 rows", "media does not belong", "logs does not belong",
        "backups does not belong", "process_cache does not belong",
    ):  # fmt: skip
        assert place in problems
    with pytest.raises(BuildFailed, match="kolibriauth_facilityuser"):
        require_sealed(used.home)
    assert len(identities(used.home)) >= 6


def test_no_name_and_no_id_outlives_the_sealing(used):
    needles = (*NAMES, *identities(used.home))
    found = "\n".join(needles_found(used.home, needles))
    assert all(needle in found for needle in needles)
    deprovision(HostRunner(), used.kolibri)
    clean(HostRunner(), tree=HOST, kolibri=used.kolibri)
    assert needles_found(used.home, needles) == ()
    require_sealed(used.home, needles)


def test_kolibris_own_command_is_not_enough(used):
    deprovision(HostRunner(), used.kolibri)
    problems = "\n".join(unsealed(used.home))
    assert "kolibriauth_session" in problems
    assert "discovery_networklocation" in problems
    assert any(LEARNER in sentence for sentence in needles_found(used.home, NAMES))


def test_cleaning_alone_does_not_pass_for_sealing(used):
    clean(HostRunner(), tree=HOST, kolibri=used.kolibri)
    with pytest.raises(BuildFailed, match="table kolibriauth_facilityuser has 2 rows"):
        require_sealed(used.home)


def test_a_resealed_home_can_be_provisioned_again(used, tmp_path):
    before = set(identities(used.home))
    deprovision(HostRunner(), used.kolibri)
    clean(HostRunner(), tree=HOST, kolibri=used.kolibri)
    shutil.rmtree(tmp_path / "next", ignore_errors=True)
    following = used.clone(tmp_path / "next")
    following.provision("Next school")
    after = set(identities(following.home))
    assert len(after) >= 5
    assert not before & after
