"""A fork with a real Kolibri: all learners and their work stay, and nothing by which the two could be mixed up."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import stat
import time
from contextlib import closing
from pathlib import Path

import pytest
from clones import change, fork, history, kept
from device import files, kolibri_db, kolibri_home
from device.errors import DeviceError
from firstboot.device import Device

from tests.integration.clones.conftest import first_boot, identity, in_kolibri
from tests.integration.device.test_facility import PASSWORD, home, log_in, serving

SURVEY = Path(__file__).with_name("survey.py").read_text()
IDS = ("code", "hostname", "machine_id", "facility_id", "dataset_id", "instance_id", "database_id")


def survey(device: Device) -> dict[str, object]:
    found: dict[str, object] = json.loads(in_kolibri(device, SURVEY))
    return found


def begin(device: Device) -> change.Change:
    facility = fork.own_facility(device)
    return change.begin(device.paths, "fork", why="a test", other_machine=True, facility=facility)


def finish(device: Device) -> Device:
    """What the next boot does."""
    if (wanted := change.load(device.paths)) is not None:
        fork.run(device, wanted)
    return first_boot(device)


def everything(device: Device, old: dict[str, str]) -> list[str]:
    """The files of a home in which one of the old ids is still to be found."""
    needles = [old[name].encode() for name in ("facility_id", "dataset_id", "instance_id", "database_id")]
    texts = {path: path.read_bytes() for path in home(device).rglob("*") if path.is_file()}
    return [
        str(path)
        for path, data in texts.items()
        if any(needle in data for needle in needles) and "logs" not in path.parts
    ]


def test_the_learners_stay_and_every_id_is_new(school: Device) -> None:
    before, old = survey(school), identity(school)
    host_keys = {path.name: path.read_text() for path in school.paths.at("/etc/ssh").iterdir()}
    begin(school)
    finish(school)
    new = identity(school)
    assert survey(school) == before
    assert [name for name in IDS if new[name] == old[name]] == []
    state = kolibri_db.provisioning(home(school))
    assert state.facilities == ((new["facility_id"], new["dataset_id"], f"École {new['code']}"),)
    assert state.instance_id == new["instance_id"]
    assert school.paths.machine_id.read_text().strip() == new["machine_id"]
    assert {path.name: path.read_text() for path in school.paths.at("/etc/ssh").iterdir()}.items().isdisjoint(
        host_keys.items()
    )
    assert new["formerly"] == [{name: old[name] for name in (*IDS, "facility_name")}]
    assert history.load(school.paths).machines == 2
    assert not school.paths.change.exists()
    assert kolibri_home.damage(home(school)) == ()


def test_no_old_id_and_no_old_key_is_left_in_the_home(school: Device) -> None:
    old = identity(school)
    with closing(sqlite3.connect(home(school) / "db.sqlite3")) as db:
        (key,) = db.execute("SELECT private_key FROM morango_certificate").fetchone()
    begin(school)
    finish(school)
    with closing(sqlite3.connect(home(school) / "db.sqlite3")) as db:
        certificates = db.execute("SELECT id, private_key FROM morango_certificate").fetchall()
    assert [owner for owner, _ in certificates] == [identity(school)["dataset_id"]]
    assert certificates[0][1] != key
    assert [path for path in home(school).rglob("*") if path.is_file() and key.encode() in path.read_bytes()] == []
    assert everything(school, old) == []


def test_everybody_can_log_in_as_before(school: Device) -> None:
    begin(school)
    finish(school)
    with serving(school) as base:
        assert log_in(base, identity(school)["facility_id"], PASSWORD) == 200
    assert set(kolibri_db.provisioning(home(school)).superusers) == {"admin"}


def test_a_copy_for_root_only_is_kept_and_tells_the_old_school(school: Device) -> None:
    old = identity(school)
    place = kept.place(home(school), begin(school))
    finish(school)
    assert place.name.startswith(old["code"])
    assert kolibri_db.provisioning(place).facilities == ((old["facility_id"], old["dataset_id"], old["facility_name"]),)
    assert {stat.S_IMODE(path.stat().st_mode) for path in place.iterdir()} == {0o600}
    assert stat.S_IMODE(place.parent.stat().st_mode) == 0o700


def test_kolibris_own_command_would_lose_what_a_fork_keeps(school: Device) -> None:
    """The reason for wrapping it. When this fails, a later Kolibri needs less of `recreate_facility.py`."""
    command = "from django.core.management import call_command as call; call('recreatefacility', noninteractive=True)"
    with pytest.raises(AssertionError, match="KeyError"):
        in_kolibri(school, command)
    revive = "from kolibri.core.auth.models import FacilityUser as F; F.all_objects.update(date_deleted=None)"
    in_kolibri(school, revive)
    before = survey(school)
    in_kolibri(school, command)
    after = survey(school)
    assert {name for name in before if after[name] != before[name]} == {
        *("permissions", "os users", "drafts", "quiz results", "notifications"),
    }
    assert after["permissions"] == []


def test_names_that_people_chose_stay(school: Device) -> None:
    in_kolibri(school, "from kolibri.core.auth.models import Facility; Facility.objects.update(name='Lycée')")
    begin(school)
    finish(school)
    assert identity(school)["facility_name"] == "Lycée"


def test_a_facility_that_replaced_the_first_one_is_made_anew_too(school: Device) -> None:
    """Somebody restored or remade it since first boot, so that what was written down then is no more."""
    known = {**identity(school), "facility_id": "f" * 32}
    files.write(school.paths.identity, json.dumps(known))
    (before,) = kolibri_db.provisioning(home(school)).facilities
    begin(school)
    finish(school)
    (after,) = kolibri_db.provisioning(home(school)).facilities
    assert set(before[:2]).isdisjoint(after[:2])


def test_a_disk_without_room_is_refused_before_anything_is_done(
    school: Device, monkeypatch: pytest.MonkeyPatch
) -> None:
    fork.require_room(school)
    monkeypatch.setattr(kept, "_SPARE_BYTES", 1 << 60)
    with pytest.raises(DeviceError, match="too full"):
        fork.require_room(school)


def test_a_fork_that_kolibri_refuses_changes_nothing_and_is_given_up(school: Device) -> None:
    before, old = survey(school), identity(school)
    program = school.paths.at("usr/lib/satchel/kolibri/recreate_facility.py")
    whole = program.read_text()
    # The worst moment: everything is done, and then the transaction fails.
    program.write_text(whole.replace("        leave_map(ids)\n", "        raise RuntimeError('a test')\n"))
    begin(school)
    with pytest.raises(DeviceError, match="Nothing was changed"):
        finish(school)
    assert change.load(school.paths) is None
    assert history.load(school.paths).events[-1]["what"] == "fork-failed"
    assert identity(school) == old
    assert survey(school) == before
    program.write_text(whole)
    begin(school)
    finish(school)
    assert survey(school) == before


@pytest.mark.parametrize("delays", [(0.05,), (1.0, 0.4), (2.0, 2.2), (2.6, 1.0), (3.2, 0.2), (4.2, 3.0)])
def test_killed_anywhere_and_run_again(school: Device, delays: tuple[float, ...]) -> None:
    before, old = survey(school), identity(school)
    wanted = begin(school)
    for delay in delays:
        child = os.fork()
        if child == 0:
            os.setsid()
            finish(school)
            os._exit(0)
        time.sleep(delay)
        os.killpg(child, signal.SIGKILL)
        os.waitpid(child, 0)
    finish(school)
    new = identity(school)
    assert new["code"] == wanted.code
    state = kolibri_db.provisioning(home(school))
    assert [facility[:2] for facility in state.facilities] == [(new["facility_id"], new["dataset_id"])]
    assert [name for name in IDS if new[name] == old[name]] == []
    assert survey(school) == before
    assert len(history.load(school.paths).formerly()) == 1
    assert files.read(school.paths.change) is None
