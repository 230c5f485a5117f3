"""A device with a school on it: first boot is done, and a year of learning lies in its Kolibri."""

from __future__ import annotations

import json
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from tests.integration.device import conftest as _importable  # noqa: F401  isort: skip
from device import files
from firstboot import engine
from firstboot.device import Device
from firstboot.journal import Journal
from firstboot.screen import Screen
from firstboot.steps import STEPS

from tests.integration.device.test_facility import device, home, variables

ROOT = Path(__file__).resolve().parents[3]
PROGRAM = ROOT / "overlays/kolibri/usr/lib/satchel/kolibri/recreate_facility.py"
SCHOOL = Path(__file__).with_name("school.py")


@pytest.fixture
def school(device: Device) -> Device:
    """A device whose first boot is done, with learners, classes and their work."""
    for directory in ("etc/ssh", "proc/sys/kernel", "usr/lib/satchel/kolibri", "var/lib/dbus", "sys/class/dmi/id"):
        device.paths.at(directory).mkdir(parents=True)
    shutil.copy(PROGRAM, device.paths.at("usr/lib/satchel/kolibri"))
    device.paths.machine_id.write_text("ab" * 16 + "\n")
    device.paths.at("/sys/class/dmi/id/product_uuid").write_text("4c4c4544-0043-4d10-8031-b9c04f4a3332\n")
    done = first_boot(replace(device, facts={}))
    in_kolibri(done, SCHOOL.read_text())
    return done


def first_boot(device: Device) -> Device:
    """Run the steps that are not done."""
    fresh = replace(device, facts={})
    screen = Screen(active=device.paths.at("/none"), devices=device.paths.at("/dev"))
    engine.run(STEPS, fresh, Journal(device.paths.journal), screen)
    return fresh


def in_kolibri(device: Device, program: str) -> str:
    """Run a program inside Kolibri; returns the last line that it prints."""
    file = device.paths.at("/run/program.py")
    file.write_text(program)
    argv = (
        device.paths.at("/opt/kolibri/bin/kolibri"),
        "manage",
        "shell",
        "-c",
        f"exec(open({str(file)!r}).read(), {{}})",
    )
    done = subprocess.run(argv, env=variables(device), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    file.unlink()
    return (done.stdout.strip().splitlines() or [""])[-1]


def identity(device: Device) -> dict[str, str]:
    known: dict[str, str] = json.loads(files.read(device.paths.identity) or "{}")
    return known


__all__ = ["device", "home", "school"]
