"""A facility born on this host by the real Kolibri, and what a device makes of it: the same, with ids of its own."""

from __future__ import annotations

import getpass
import json
import os
import shutil
import signal
import sqlite3
import time
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
from device import kolibri_db, own_seed
from device.errors import DeviceError
from firstboot.device import Device
from firstboot.steps import facility, take_seed
from seed import born, document
from seed.document import Seed

from builder.errors import BuildFailed
from builder.identity.born import Nursery, settle
from builder.recipe.model import Facility as Default
from builder.recipe.model import FirstBoot, Kolibri
from tests.integration.device.test_facility import home, log_in, sealed_device, serving
from tests.integration.kolibri.kolibri_device import HostRunner

FIRST_BOOT = FirstBoot(
    hostname="kolibri-{code}", facility=Default(name="École {code}", preset="nonformal", language="fr-fr")
)
UNIQUE = ("facility_id", "dataset_id", "instance_id", "database_id", "facility_name")


@pytest.fixture
def device(tmp_path: Path, kolibri_venv: Path) -> Device:
    return sealed_device(tmp_path, kolibri_venv)


@pytest.fixture
def nursery(device: Device, tmp_path: Path) -> Nursery:
    room = tmp_path / "nursery"
    room.mkdir()
    kolibri = Kolibri(
        venv=str(device.paths.at("/opt/kolibri")),
        user=getpass.getuser(),
        home="/srv/data/kolibri",
        content="/srv/content/kolibri",
        port=8080,
        zip_port=8081,
    )
    return Nursery(
        runner=HostRunner(),
        kolibri=kolibri,
        sealed=device.paths.at("/usr/share/satchel/sealed-home"),
        owner=(os.getuid(), os.getgid()),
        room=room,
        inside=str(room),
    )


def told(device: Device, seed: Seed) -> dict[str, str]:
    """Take a seed from the card as first boot does, and make the facility."""
    esp = device.paths.at("/boot/efi")
    esp.mkdir(parents=True, exist_ok=True)
    (esp / document.FILE).write_bytes(document.render(seed))
    mountinfo = device.paths.mountinfo.read_text()
    if "/boot/efi" not in mountinfo:
        device.paths.mountinfo.write_text(mountinfo + "4 1 254:2 / /boot/efi rw - vfat /dev/vda2 rw\n")
    able = replace(device, settings=replace(device.settings, esp="/boot/efi"))
    take_seed.run(able)
    assert seed.admin_password is not None
    device.paths.admin_password.write_text(f"{seed.admin_password}\n")
    return facility.run(able)


def test_the_id_is_known_before_the_device_is_and_everything_else_is_fresh(device: Device, nursery: Nursery) -> None:
    wanted = Seed(facility=document.Facility(location="Kisumu"), admin_password="lusab-babad-gutih")
    seed, child = settle(wanted, nursery, FIRST_BOOT)
    assert (seed.code, seed.hostname) != (None, None)
    facts = told(device, seed)
    assert (facts["facility_id"], facts["dataset_id"]) == (child.facility_id, child.dataset_id)
    assert facts["facility_name"] == f"École {seed.code}"
    assert len(facts["instance_id"]) == 32
    assert list(nursery.room.iterdir()) == []
    with closing(sqlite3.connect(home(device) / "db.sqlite3")) as db:
        assert db.execute("SELECT location, preset FROM kolibriauth_facilitydataset").fetchone() == (
            "Kisumu",
            "nonformal",
        )
        assert db.execute("SELECT language_id, name FROM device_devicesettings").fetchone() == (
            "fr-fr",
            seed.hostname,
        )
        (stored,) = db.execute("SELECT password FROM kolibriauth_facilityuser").fetchone()
    assert stored == child.rows["kolibriauth_facilityuser"]["password"]
    with serving(device) as base:
        assert log_in(base, facts["facility_id"], "wrong") == 401
        assert log_in(base, facts["facility_id"], "lusab-babad-gutih") == 200
    assert facility.run(device) == facts


def test_two_of_them_share_nothing(device: Device, nursery: Nursery) -> None:
    one, two = (settle(Seed(), nursery, FIRST_BOOT) for _ in range(2))
    assert one[0].admin_password != two[0].admin_password
    for table in born.TABLES:
        mine, theirs = one[1].rows[table], two[1].rows[table]
        for column in ("id", "user_id", "dataset_id", "private_key", "public_key", "password", "facility_id"):
            # There is one row of settings, and its number is 1.
            if column in mine and (table, column) != ("device_devicesettings", "id"):
                assert mine[column] != theirs[column], (table, column)
    facts = told(device, one[0])
    sealed = device.paths.at("/usr/share/satchel/sealed-home")
    shutil.rmtree(home(device))
    shutil.copytree(sealed, home(device))
    device.paths.seed.unlink()
    others = told(device, two[0])
    assert [name for name in UNIQUE if facts[name] == others[name]] == []


@pytest.mark.parametrize("delay", [0.02, 0.5, 1.0])
def test_killed_anywhere_and_run_again(device: Device, nursery: Nursery, delay: float) -> None:
    seed, newborn = settle(Seed(), nursery, FIRST_BOOT)
    child = os.fork()
    if child == 0:
        os.setsid()
        told(device, seed)
        os._exit(0)
    time.sleep(delay)
    try:
        os.killpg(child, signal.SIGKILL)
    except ProcessLookupError:
        os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    facts = told(device, seed)
    assert facts["facility_id"] == newborn.facility_id
    state = kolibri_db.provisioning(home(device))
    assert state.complete("admin")
    assert state.instance_id


def test_a_cut_between_the_rows_and_kolibris_own_ids_is_made_good(device: Device, nursery: Nursery) -> None:
    seed, child = settle(Seed(), nursery, FIRST_BOOT)
    assert seed.born is not None
    kolibri_db.plant(home(device), born.unpack(seed.born))
    assert kolibri_db.provisioning(home(device)).instance_id is None
    facts = told(device, seed)
    assert facts["facility_id"] == child.facility_id
    assert facts["instance_id"]


def test_rows_that_do_not_fit_leave_a_sealed_home(device: Device, nursery: Nursery) -> None:
    _, child = settle(Seed(), nursery, FIRST_BOOT)
    odd = replace(child, rows={**child.rows, "device_devicesettings": {"id": 1, "no_such_column": 1}})
    with pytest.raises(sqlite3.Error):
        kolibri_db.plant(home(device), odd)
    assert kolibri_db.provisioning(home(device)).untouched


def test_a_facility_of_another_kolibri_or_with_another_password_is_refused_at_once(
    device: Device, nursery: Nursery
) -> None:
    seed, child = settle(Seed(), nursery, FIRST_BOOT)
    for wrong, words in (
        (replace(seed, born=born.pack(replace(child, kolibri="0.18.0"))), "Kolibri 0.18.0, and this device has 0.19.5"),
        (replace(seed, admin_password="another-password"), "does not open it"),
        (replace(seed, facility=replace(seed.facility, admin="chef")), "its administrator is admin"),
    ):
        with pytest.raises(DeviceError, match=words):
            told(device, wrong)
        assert own_seed.load(device.paths) is None
    assert kolibri_db.provisioning(home(device)).untouched


def test_a_home_that_is_not_sealed_brings_no_facility(device: Device, nursery: Nursery) -> None:
    device.paths.admin_password.write_text("lusab-babad\n")
    facility.run(device)
    used = replace(nursery, sealed=home(device))
    with pytest.raises(BuildFailed, match="did not make a whole facility"):
        settle(Seed(), used, FIRST_BOOT)
    assert json.dumps([path.name for path in nursery.room.iterdir()]) == "[]"
