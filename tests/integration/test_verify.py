"""`satchel verify` builds again and tells what is not as it was made."""

import json
import mmap
import os
import subprocess
import sys
from pathlib import Path

import pytest

from builder.host.places import REPOSITORY

RECIPE = "debian-minimal"


def satchel(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "builder", *arguments]
    return subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=False, env=dict(os.environ))


@pytest.fixture
def image(tmp_path: Path) -> Path:
    built = satchel("build", RECIPE, "--dist", str(tmp_path), "--progress", "none")
    assert built.returncode == 0, built.stderr
    return tmp_path / RECIPE / f"{RECIPE}.img"


def test_one_changed_byte_is_found_and_nothing_else(image: Path) -> None:
    with image.open("r+b") as file, mmap.mmap(file.fileno(), 0) as content:
        at = content.find(b"title The smallest Debian")
        assert at > 0, "the boot entry lies on the ESP"
        content[at] = ord("T")
    verified = satchel("verify", str(image), "--progress", "none", "--json")
    assert verified.returncode == 7, verified.stderr
    facts = json.loads(verified.stdout)
    assert [part["name"] for part in facts["partitions"]] == ["esp"]
    (changed,) = facts["partitions"][0]["files"]
    assert changed["path"] == "/boot/efi/loader/entries/satchel.conf"
    assert "partition esp (vfat): /boot/efi/loader/entries/satchel.conf" in verified.stderr


def test_an_image_without_its_lock_needs_a_bundle(image: Path) -> None:
    image.with_suffix(".lock").unlink()
    verified = satchel("verify", str(image), "--progress", "none")
    assert verified.returncode == 10
    assert "--bundle FILE" in verified.stderr
