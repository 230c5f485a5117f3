"""The boot test of the default image: UEFI and BIOS, two clones, a restart, a larger card. Takes minutes."""

import json
import os
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

UNIQUE = {
    *("machine_id", "hostname", "facility_code", "facility_id", "dataset_id", "instance_id", "admin_password"),
    "tls_certificate",
    *("ssh_host_keys.ed25519", "disk_guid"),
    *(f"partition_guids.{name}" for name in ("bios", "esp", "root", "content", "data")),
    *(f"filesystem_uuids.{name}" for name in ("esp", "root", "content", "data")),
}
TOLD = {"facility_code", "hostname", "admin_password", "seed on the card"}


@pytest.mark.vm(minutes=14)
def test_two_clones_become_two_devices_and_stay_them(default_image: Path) -> None:
    logs = default_image.parent / "test"
    command = [sys.executable, "-m", "builder", "test", str(default_image), "--report", str(logs), "--json"]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False, env=dict(os.environ))
    assert done.returncode == 0, (logs / "report.txt").read_text()
    report = json.loads(done.stdout)
    assert {boot["firmware"] for boot in report["boots"]} == {"uefi", "bios"}
    assert len([boot for boot in report["boots"] if boot["name"] == "first boot"]) == 2
    clones = next(found for found in report["comparisons"] if found["name"] == "clones differ")
    assert {claim["field"] for claim in clones["claims"]} >= UNIQUE
    told = next(found for found in report["comparisons"] if found["name"] == "machine A is what its seed says")
    assert {claim["field"] for claim in told["claims"]} == TOLD
    suite = ET.parse(logs / "junit.xml").getroot()
    assert suite.find(".//testcase") is not None
    assert suite.find(".//failure") is None
