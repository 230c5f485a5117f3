"""The verbs of masters, as a technician uses them."""

import json
import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest

from builder.kolibri.traces import unsealed
from tests.used_school import CHANNEL, make_school

from .conftest import Satchel

FOUND = f"""\
HOME: a home of Kolibri 0.19.5
goes:
  1  users
  1  facilities, classes and groups
  1  facilities' settings
  3  what learners did
  1  logins
  1  certificates and keys
  2  other devices in the network
  1  other things
  logs: names of people and of the facility, and command lines (1 file, 46 B)
  options.ini: settings (1 file, 73 B)
  content/storage/a/b/ab.mp4.chunks: left from an import (1 file, 3 B)
  the setting HTTP_PORT = 9090
stays:
  Kusoma ({CHANNEL})  1 resource
dry run: nothing was written
"""


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return make_school(tmp_path / "kolibri")


def test_a_dry_run_tells_everything_and_does_nothing(satchel: Satchel, home: Path) -> None:
    before = {path: path.read_bytes() for path in home.rglob("*") if path.is_file()}
    shown = satchel("master", "seal", "kolibri", "--dry-run")
    assert (shown.status, shown.stderr) == (0, "")
    assert shown.stdout.replace(str(home), "HOME") == FOUND
    facts = json.loads(satchel("master", "seal", "kolibri", "--dry-run", "--json").stdout)
    assert facts["sealed"] is False
    assert {"database": "db.sqlite3", "table": "logger_attemptlog", "rows": 3, "what": "what learners did"} in facts[
        "rows"
    ]
    assert {path: path.read_bytes() for path in home.rglob("*") if path.is_file()} == before


def test_nobody_who_can_be_asked_is_a_no(satchel: Satchel, home: Path) -> None:
    refused = satchel("master", "seal", "kolibri")
    assert refused.status == 16
    assert "nobody is there to be asked\nhint: --yes asks nothing" in refused.stderr
    assert unsealed(home)


@pytest.mark.parametrize(("typed", "status"), [("kolibri\n", 0), ("yes\n", 16)])
def test_the_name_of_the_home_is_typed(home: Path, typed: str, status: int) -> None:
    ours, theirs = pty.openpty()
    os.write(ours, typed.encode())
    command = [sys.executable, "-m", "builder", "master", "seal", "kolibri"]
    done = subprocess.run(command, cwd=home.parent, stdin=theirs, capture_output=True, text=True, check=False)
    os.close(ours)
    os.close(theirs)
    assert f"This destroys all that people did in {home}. Type kolibri: " in done.stderr
    assert (done.returncode, bool(unsealed(home))) == (status, bool(status))


def test_a_sealed_home_is_said_to_be_one_and_stays_as_it_is(satchel: Satchel, home: Path, tmp_path: Path) -> None:
    sealed = satchel("master", "seal", "kolibri", "--yes", "--keep-copy", "before")
    assert sealed.status == 0
    assert "\nsealed: " in sealed.stdout
    assert " texts searched for in its bytes, and none was found\n" in sealed.stdout
    assert "copy: before keeps what was removed" in sealed.stdout
    before = {path: path.stat().st_mtime_ns for path in home.rglob("*")}
    again = satchel("master", "seal", "kolibri")
    assert (again.status, again.stderr) == (0, "")
    assert "sealed already: nothing to remove\nnext: copy it to the others" in again.stdout
    assert {path: path.stat().st_mtime_ns for path in home.rglob("*")} == before
    assert (tmp_path / "before" / "logs").is_dir()


def test_what_is_no_home_is_no_traceback(satchel: Satchel, tmp_path: Path) -> None:
    (tmp_path / "loop").symlink_to("loop")
    for place in ("nowhere", ".", "loop", __file__):
        refused = satchel("master", "seal", place, "--yes")
        assert refused.status == 16
        assert "is no Kolibri home" in refused.stderr
