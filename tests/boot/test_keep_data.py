"""A school's server gets a new release: flashed for its site, used by a learner, flashed again with the data kept.

The learner comes by Kolibri's own way in, as a coach would add one, and must still be able to log in afterwards. Takes
minutes.
"""

from __future__ import annotations

import http.cookiejar
import json
import os
import shutil
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from builder.boot.answer import GuestReport
from builder.boot.machine import CARD, MACHINE
from builder.host.places import RECIPES, REPOSITORY
from builder.units import GIB
from tests.boot.machines import Machine, machine
from tests.integration.conftest import _run_inside

pytestmark = pytest.mark.vm(minutes=10)

PORT = 8080
SITES = """\
code,facility,admin,admin_password,hostname,timezone
83PW-HWQE,École du Lac,directrice,chalk-and-slate,lac,Africa/Nairobi
"""
NEXT = f"""\
version: 1
name: kolibri-pc
description: The next release, with an account more, which moves the numbers of others
extends: [{RECIPES}/kolibri-pc.yml]
users:
  - {{name: auditor, system: true, home: /nonexistent}}
checks:
  - {{name: this is the next release, command: {{run: [id, auditor]}}}}
"""


def satchel(*arguments: object, cwd: Path) -> None:
    env = {**os.environ, "PYTHONPATH": str(REPOSITORY)}
    subprocess.run((sys.executable, "-m", "builder", *map(str, arguments)), cwd=cwd, env=env, check=True)


class Kolibri:
    """Kolibri's own API, as its pages use it."""

    def __init__(self, port: int) -> None:
        self._address = f"http://127.0.0.1:{port}"
        self._jar = http.cookiejar.CookieJar()
        self._opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(self._jar))

    def log_in(self, name: str, password: str, *, within: float) -> dict[str, Any]:
        """The session of a user; Kolibri may still be starting."""
        until = time.monotonic() + within
        while True:
            try:
                facility = self._call("GET", "/api/public/v1/facility/")[0]["id"]
                wanted = {"username": name, "password": password, "facility": facility}
                return self._call("POST", "/api/auth/session/", wanted)
            except OSError as error:
                if isinstance(error, urllib.error.HTTPError) and error.code in {400, 401, 403}:
                    raise AssertionError(f"{name} cannot log in: {error.read()!r}") from error
                if time.monotonic() > until:
                    raise
                time.sleep(2)

    def add_learner(self, name: str, password: str) -> None:
        """A new learner of the facility."""
        facility = self._call("GET", "/api/public/v1/facility/")[0]["id"]
        learner = {"username": name, "full_name": name, "password": password, "facility": facility}
        self._call("POST", "/api/auth/facilityuser/", learner)

    def _call(self, method: str, path: str, body: dict[str, Any] | None = None) -> Any:
        token = next((cookie.value for cookie in self._jar if "csrf" in cookie.name.lower()), "")
        headers = {"Content-Type": "application/json", "X-CSRFToken": token or ""}
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(f"{self._address}{path}", data=data, headers=headers, method=method)
        with self._opener.open(request, timeout=120) as answer:
            return json.load(answer)


def in_machine(name: str, disk: Path, directory: Path, work: Callable[[Machine], None]) -> GuestReport:
    """Start a machine with a raw card, let something be done in it, switch it off, and write the card back."""

    def inside() -> None:
        with machine(name, disk, directory, computer="school", room=0, ports=(PORT,)) as school:
            started = school.device.ask("stay", within=school.patience.first_boot)
            assert [check.name for check in started.checks if not check.ok] == []
            work(school)
            report = school.device.ask("poweroff", within=school.patience.restart)
            school.device.await_poweroff(within=school.patience.poweroff)
        (directory / f"{name}.json").write_text(report.model_dump_json())
        whole = f"{MACHINE}/whole.img"
        school.sandbox.run(("qemu-img", "convert", "-O", "raw", CARD, whole), why="take the card out")
        (school.directory / "whole.img").replace(disk)

    _run_inside(inside)
    return GuestReport.model_validate_json((directory / f"{name}.json").read_text())


def test_a_new_release_keeps_school_and_learners(default_image: Path, tmp_path: Path) -> None:
    (tmp_path / "sites.csv").write_text(SITES)
    disk = tmp_path / "card.img"
    with disk.open("wb") as file:
        file.truncate(default_image.stat().st_size + GIB)
    satchel("flash", default_image, disk, "--sites", "sites.csv", "--ledger", "l.db", "--yes", cwd=tmp_path)

    def use(school: Machine) -> None:
        kolibri = Kolibri(school.device.forwards[PORT])
        kolibri.log_in("directrice", "chalk-and-slate", within=school.patience.first_boot)
        kolibri.add_learner("amina", "lake-fish")

    before = in_machine("old", disk, tmp_path, use)
    assert before.identity.facility_code == "83PW-HWQE"
    assert before.identity.hostname == "lac"

    (tmp_path / "next.yml").write_text(NEXT)
    shutil.copyfile(RECIPES / "kolibri-pc.lock", tmp_path / "next.lock")
    satchel("build", "next.yml", "--progress", "plain", cwd=tmp_path)
    new = tmp_path / "dist/kolibri-pc/kolibri-pc.img"
    satchel("flash", new, disk, "--keep-data", "--ledger", "l.db", "--yes", cwd=tmp_path)

    def look(school: Machine) -> None:
        port = school.device.forwards[PORT]
        Kolibri(port).log_in("amina", "lake-fish", within=school.patience.first_boot)

    after = in_machine("new", disk, tmp_path, look)
    assert {check.name: check.ok for check in after.checks}["this is the next release"]
    assert [check.name for check in after.checks if not check.ok] == []
    assert after.system.state == "running"
    ids = {name for name in before.identity.fields() if name.startswith(("disk_guid", "partition_", "filesystem_"))}
    same = {name for name, value in before.identity.fields().items() if after.identity.fields()[name] == value}
    assert same == set(before.identity.fields()) - ids, "who it is stays, and every id of the disk is new"
