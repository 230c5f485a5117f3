"""A machine in a cloud, from its qcow2: cloud-init lets the operator in, and all else is as first boot made it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from builder.artifact import read_embedded_manifest, subject_of
from builder.boot import card
from builder.boot.accelerator import choose
from builder.boot.diary import Patience
from builder.boot.machine import MACHINE, SEED_DISK, MachineSpec
from builder.boot.session import session
from builder.boot.subject import Firmware
from builder.disk.read import read_table
from builder.host.tools import ensure_lab
from builder.progress import Reporter
from tests.conftest import REPOSITORY
from tests.integration.conftest import _run_inside

pytestmark = pytest.mark.vm(minutes=6)

SSH = 22


def satchel(*argv: object) -> None:
    env = {**os.environ, "PYTHONPATH": str(REPOSITORY)}
    subprocess.run((sys.executable, "-m", "builder", *map(str, argv)), env=env, check=True)


def logged_in(port: int, key: Path, known: Path) -> str:
    """What the device says its name is, to an operator who has a key and no password."""
    options = ("BatchMode=yes", f"UserKnownHostsFile={known}", "StrictHostKeyChecking=accept-new", "ConnectTimeout=120")
    flags = [flag for option in options for flag in ("-o", option)]
    argv = ("ssh", "-F", "none", "-i", key, "-p", str(port), *flags, "technician@127.0.0.1", "hostname")
    return subprocess.run(argv, check=True, capture_output=True, text=True).stdout.strip()


def work_in_machine(built: Path, disk: Path, key: Path, directory: Path) -> None:
    tools = ensure_lab(Reporter())
    accelerator = choose(tools, directory)
    patience = Patience.with_accelerator(accelerator)
    image = built / "cloud.img"
    subject = subject_of(image, read_embedded_manifest(tools, image, read_table(image)))
    spec = MachineSpec(
        name="cloud", firmware=Firmware.UEFI, acceleration=accelerator.kind, ports=(SSH,), seed_disk=True
    )
    machine = directory / "machine"
    machine.mkdir()
    (built / "cloud.qcow2").rename(machine / "below.qcow2")
    disk.rename(machine / Path(SEED_DISK).name)
    over = card.Below(path=f"{MACHINE}/below.qcow2", format="qcow2")
    sandbox = card.insert(tools, accelerator, image, card_bytes=subject.card_bytes, directory=machine, over=over)
    with session(sandbox, spec, logs=directory, cancelled=threading.Event()) as device:
        first_boot = device.ask_first_boot(within=patience.first_boot)
        # The device answers when everything has started, cloud-init too.
        report = device.ask("stay", within=patience.first_boot)
        name = logged_in(device.forwards[SSH], key, directory / "known_hosts")
    found = {
        "said": name,
        "first boot": first_boot.identity.fields(),
        "then": report.identity.fields(),
        "failed": [check.name for check in report.checks if not check.ok],
    }
    (directory / "found.json").write_text(json.dumps(found))


def test_the_operators_key_opens_a_device_that_is_still_itself(tmp_path: Path) -> None:
    key, disk = tmp_path / "key", tmp_path / "seed.iso"
    subprocess.run(("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", key), check=True)
    satchel("seed", "iso", disk, "--set", "site.hostname=told-by-the-disk", "--ssh-key", f"{key}.pub")
    satchel("build", REPOSITORY / "tests/boot/cloud.yml", "--dist", tmp_path / "dist", "--progress", "plain")
    _run_inside(lambda: work_in_machine(tmp_path / "dist/cloud", disk, key, tmp_path))
    found = json.loads((tmp_path / "found.json").read_text())
    assert found["failed"] == []
    assert found["first boot"] == found["then"]
    assert found["said"] == found["then"]["hostname"] == "told-by-the-disk"
    shown = subprocess.run(
        ("ssh-keygen", "-l", "-f", tmp_path / "known_hosts"), check=True, capture_output=True, text=True
    )
    assert found["then"]["ssh_host_keys.ed25519"] in shown.stdout
