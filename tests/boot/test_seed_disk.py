"""A virtual machine with a seed disk in its CD drive becomes who the disk says. Takes minutes."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

SATCHEL = (sys.executable, "-m", "builder")


@pytest.mark.vm
def test_a_seed_disk_is_found_and_taken(default_image: Path, tmp_path: Path) -> None:
    disk = tmp_path / "seed.iso"
    told = ("--set", "site.hostname=told-by-a-disk", "--set", "facility.name=École du Disque")
    subprocess.run((*SATCHEL, "seed", "iso", disk, *told), check=True)
    command = (*SATCHEL, "boot", default_image, "--seed", disk)
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, errors="replace", env=dict(os.environ)
    ) as machine:
        assert machine.stdin is not None
        assert machine.stdout is not None
        said = ""
        for line in machine.stdout:
            said += line
            if "This device is " in line or "First boot stopped" in line:
                machine.stdin.write("\x01x")
                machine.stdin.flush()
                break
        machine.communicate()
    assert "This device is told-by-a-disk" in said
