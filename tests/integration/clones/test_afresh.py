"""Starting afresh with a real Kolibri: an empty school of its own, and the old one whole beside it."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

import pytest
from clones import afresh, change, history
from device import files, kolibri_db, kolibri_home
from firstboot.device import Device

from tests.integration.clones.conftest import first_boot, identity
from tests.integration.device.test_facility import home

IDS = ("code", "hostname", "machine_id", "facility_id", "dataset_id", "instance_id", "database_id")


def finish(device: Device) -> None:
    """What the next boot does."""
    if (wanted := change.load(device.paths)) is not None:
        afresh.run(device, wanted)
    first_boot(device)


def contents(place: Path) -> dict[str, bytes]:
    return {str(path.relative_to(place)): path.read_bytes() for path in sorted(place.rglob("*")) if path.is_file()}


@pytest.mark.parametrize("delays", [(), (0.1,), (0.6, 0.6), (1.5,), (2.5, 0.3)])
def test_the_old_school_is_kept_whole_and_the_new_one_is_empty(school: Device, delays: tuple[float, ...]) -> None:
    old, before = identity(school), contents(home(school))
    password = files.read(school.paths.admin_password)
    change.begin(school.paths, "afresh", why="a test", other_machine=True)
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
    assert [name for name in IDS if new[name] == old[name]] == []
    assert files.read(school.paths.admin_password) != password
    kept = home(school).with_name(f"kolibri.{old['code']}")
    assert contents(kept) == before
    state = kolibri_db.provisioning(home(school))
    assert state.complete("admin")
    assert len(state.facilities) == 1
    assert state.facilities[0][0] == new["facility_id"]
    assert kolibri_home.damage(home(school)) == ()
    assert home(school).stat().st_mode == kept.stat().st_mode
    assert [event["what"] for event in history.load(school.paths).events] == ["started-afresh"]
    assert [path.name for path in home(school).parent.iterdir()].count("kolibri") == 1
