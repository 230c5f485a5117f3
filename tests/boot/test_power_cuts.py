"""The default image loses its power a few times: the whole way works. `make power-cuts` does more of it."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest


def cut_power(image: Path, logs: Path, *options: str) -> Any:
    command = [sys.executable, "-m", "builder", "test", str(image), "--report", str(logs), "--json", *options]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False, env=dict(os.environ))
    found = json.loads(done.stdout)
    wrong = [(visit["name"], visit["faults"], visit["console"]) for visit in found["visits"] if visit["faults"]]
    assert (done.returncode, wrong) == (0, [])
    return found


@pytest.mark.vm(minutes=10)
def test_a_device_that_loses_its_power_becomes_one_device_all_the_same(default_image: Path) -> None:
    logs = default_image.parent / "power-cuts"
    found = cut_power(default_image, logs, "--power-cuts", "2")
    assert found["outcomes"]["ok"] == len(found["visits"]) >= 2
    assert len(found["recording"]["bands"]) > 5
    assert all(visit["identity"]["facility_id"] for visit in found["visits"])
    assert "<svg" in (logs / "power-cuts.html").read_text()
    # What was visited is not visited again.
    visits = (logs / "visits.jsonl").read_bytes()
    assert cut_power(default_image, logs, "--power-cuts", "2") == found
    assert (logs / "visits.jsonl").read_bytes() == visits
