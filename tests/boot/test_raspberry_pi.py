"""The card for the Raspberry Pi: by UEFI, and in the SD slot of the board. Takes minutes."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]


@pytest.mark.vm(minutes=16)
def test_one_card_starts_by_uefi_and_on_the_board(tmp_path: Path) -> None:
    satchel = (sys.executable, "-m", "builder")
    build = (*satchel, "build", "kolibri-pi", "--progress", "plain")
    subprocess.run(build, cwd=REPOSITORY, check=True, env=dict(os.environ))
    command = (*satchel, "test", "kolibri-pi", "--report", str(tmp_path), "--json")
    done = subprocess.run(command, cwd=REPOSITORY, stdout=subprocess.PIPE, text=True, check=False, env=dict(os.environ))
    assert done.returncode == 0, (tmp_path / "report.txt").read_text()
    report = json.loads(done.stdout)
    assert [(boot["machine"], boot["name"], boot["firmware"]) for boot in report["boots"]] == [
        ("A", "first boot", "uefi"),
        ("A", "restart", "uefi"),
        ("A", "power-off", "uefi"),
        ("B", "first boot", "raspberry-pi"),
        ("B", "power-off", "raspberry-pi"),
    ]
    audit = subprocess.run((*satchel, "audit", "kolibri-pi"), cwd=REPOSITORY, check=False, env=dict(os.environ))
    assert audit.returncode == 0
    assert {found["name"] for found in report["comparisons"]} == {
        "clones differ",
        "a restart changes nothing",
        "machine A is what its seed says",
        "the disk grew to the larger card",
        "the disk grew to the smallest card",
    }
