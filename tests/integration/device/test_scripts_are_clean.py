"""Shell scripts that run on the device, read by shellcheck."""

import subprocess

from builder.host.places import OVERLAYS


def test_shell_scripts_of_all_overlays_are_clean() -> None:
    scripts = [path for path in OVERLAYS.rglob("*") if path.is_file() and path.read_bytes().startswith(b"#!/bin/sh")]
    assert {path.name for path in scripts} >= {"local-disks", "zz-satchel", "satchel-update-esp"}
    done = subprocess.run(("shellcheck", *scripts), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
