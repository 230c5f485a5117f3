"""The layer itself, twice: what a machine is like must not be seen in what it made."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from builder.host.places import REPOSITORY

ELSEWHERE = """
set -e
hostname far-away
mount -t tmpfs none "$1"
shift
exec taskset --cpu-list 0 "$@"
"""
"""Another host name, another file system with another order of its directories, a single core."""


def built(venv: Path, room: Path, *before: str, **variables: str) -> Any:
    """What came of the layer in `room`, by a process that starts with `before`."""
    room.mkdir(parents=True)
    command = (*before, sys.executable, "-m", "tests.integration.kolibri.layer_once", venv, room)
    environment = {**os.environ, **variables}
    done = subprocess.run(command, cwd=REPOSITORY, env=environment, check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.mark.in_namespace
def test_another_machine_makes_the_same_layer(kolibri_venv: Path, tmp_path: Path) -> None:
    if kolibri_venv.is_relative_to("/tmp"):
        pytest.skip("a sandbox has a /tmp of its own, which hides an environment that lies there")
    here = built(kolibri_venv, tmp_path / "here")
    room = tmp_path / "another" / "place"
    before = ("unshare", "--uts", "--mount", "sh", "-c", ELSEWHERE, "sh", str(room))
    there = built(kolibri_venv, room, *before, TZ="Asia/Kolkata", LC_ALL="C", LANG="sw_TZ.UTF-8", HOME="/nowhere")
    assert here == there

    databases = {path for path in here["made"] if path.endswith("/db.sqlite3")}
    assert databases == {"srv/data/kolibri/db.sqlite3", "usr/share/satchel/sealed-home/db.sqlite3"}
    assert here["younger"] == ["srv/data"], "only the mount point of the home has the time of the build"
