"""One lock, one tree: grown by two processes that have little else in common."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from builder.host.places import REPOSITORY, cache_directory
from builder.lock.model import Lock

from .trees import Facts, differences

DAY = 86_400
PACKAGES = ("nano", "ca-certificates")
BROUGHT = ("libncursesw6", "openssl")
RECIPE = f"""
version: 1
name: trial
description: A tree without a kernel
base: {{distribution: debian, suite: trixie, architecture: amd64}}
packages: {{apt: [{", ".join(PACKAGES)}]}}
users: [{{name: teacher, groups: [sudo]}}]
disk:
  boot: [uefi]
  partitions:
    - {{name: esp, type: esp, size: 256MiB, filesystem: vfat, mount: /boot/efi}}
    - {{name: root, size: 1GiB, filesystem: ext4, mount: /}}
"""


@pytest.fixture(scope="module")
def facts(tmp_path_factory: pytest.TempPathFactory) -> tuple[int, dict[str, Facts], dict[str, Facts]]:
    """The date of the lock, and what was found in two trees."""
    directory = tmp_path_factory.mktemp("grown")
    recipe, locked = directory / "trial.yml", directory / "trial.json"
    recipe.write_text(RECIPE)
    lock = _lock()
    locked.write_text(lock.model_dump_json())
    command = (sys.executable, "-m", "tests.integration.layers.grow_once", recipe, locked)
    one = _grown(command, parent=cache_directory() / "tmp")
    far_away = {"TZ": "Pacific/Kiritimati", "LANG": "tr_TR.UTF-8", "SOURCE_DATE_EPOCH": "1"}
    # Most likely another file system, with another order of directories.
    other = _grown(("taskset", "-c", "0", *command), parent=Path("/dev/shm"), umask=0o077, **far_away)
    return lock.date, one, other


def _lock() -> Lock:
    code = "from builder.host.namespace import enter; enter(); from tests.integration.workshop import *; "
    shown = "lock = shipped_lock(); workshop(lock); print(lock.model_dump_json())"
    done = subprocess.run((sys.executable, "-c", code + shown), cwd=REPOSITORY, check=True, capture_output=True)
    lock = Lock.model_validate_json(done.stdout)
    # A date of its own, so that today's would be noticed.
    return lock.model_copy(
        update={"date": lock.date - 100 * DAY, "apt": tuple(deb for deb in lock.apt if deb.name in PACKAGES + BROUGHT)}
    )


def _grown(command: tuple[str | Path, ...], *, parent: Path, umask: int = 0o022, **conditions: str) -> dict[str, Facts]:
    environment = {**os.environ, **conditions}
    done = subprocess.run(
        (*command, parent), cwd=REPOSITORY, env=environment, umask=umask, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    found: dict[str, Facts] = json.loads(done.stdout)
    return found


Found = tuple[int, dict[str, Facts], dict[str, Facts]]


def test_two_trees_from_one_lock_are_equal(facts: Found) -> None:
    _, one, other = facts
    assert differences(one, other) == []


def test_the_tree_holds_what_was_asked_for(facts: Found) -> None:
    _, tree, _ = facts
    assert {"/usr/bin/nano", "/home/teacher"} <= tree.keys()
    assert "/etc/ssl/certs/ca-certificates.crt" in tree, "what was put off was done"
    automatic = {
        line.split()[1] for line in tree["/var/lib/apt/extended_states"]["text"].splitlines() if "Package" in line
    }
    assert automatic == set(BROUGHT), "apt may remove what only serves others"
    assert "/dev/null" not in tree, "the workshop must be able to mount"
    assert not [path for path in tree if path.startswith(("/run/packages", "/usr/share/man/"))]
    left = {path for path in tree if path.startswith(("/var/lib/apt/lists/", "/var/cache/apt/", "/etc/apt/sources"))}
    empty = {"/var/lib/apt/lists/lock", "/var/lib/apt/lists/partial"}
    empty |= {"/var/cache/apt/archives", "/var/cache/apt/archives/lock", "/var/cache/apt/archives/partial"}
    assert left - empty == {"/etc/apt/sources.list", "/etc/apt/sources.list.d"}
    assert "/job" not in tree["/etc/apt/sources.list"]["text"], "the device's own sources"


def test_nothing_bears_the_day_of_the_build(facts: Found) -> None:
    date, tree, _ = facts
    changed = {line.split(":")[2] for line in tree["/etc/shadow"]["text"].splitlines()}
    assert changed == {str(date // DAY)}, "passwords were changed on the day of the lock"
