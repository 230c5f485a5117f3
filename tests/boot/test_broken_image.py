"""An image that cannot boot does not pass, and the report says why: the default image, its root file system hidden."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest


@pytest.mark.vm(minutes=2)
def test_an_image_that_finds_no_root_file_system_does_not_pass(default_image: Path, tmp_path: Path) -> None:
    broken = tmp_path / default_image.name
    subprocess.run(("cp", "--sparse=always", default_image, broken), check=True)
    hide_root(broken)
    command = [sys.executable, "-m", "builder", "test", str(broken), "--report", str(tmp_path / "logs"), "--json"]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False, env=dict(os.environ))
    assert done.returncode == 8
    report = json.loads(done.stdout)
    assert not report["passed"]
    assert {(boot["firmware"], boot["outcome"]) for boot in report["boots"]} == {("uefi", "panic"), ("bios", "panic")}
    assert all("initramfs" in " ".join(boot["problems"]) for boot in report["boots"])
    assert all("(initramfs)" in boot["evidence"] for boot in report["boots"])
    assert all(comparison["missing"] for comparison in report["comparisons"])


def hide_root(image: Path) -> None:
    """Rename the partition that the device knows its root file system by; not a byte of its content changes."""
    table = json.loads(subprocess.run(("sfdisk", "--json", image), stdout=subprocess.PIPE, check=True).stdout)
    names = [part["name"] for part in table["partitiontable"]["partitions"]]
    number = str(names.index("root") + 1)
    subprocess.run(("sfdisk", "--quiet", "--part-label", image, number, "lost"), check=True)
