"""A stick is put into a running device, which takes two channels, and knows them after a restart with it. Minutes."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest

from builder.boot.machine import MACHINE
from builder.content.stick.keys import make_key
from builder.host.sandbox import Sandbox
from builder.kolibri.demo.channel import make_demo_channel
from tests.boot.machines import console, machine
from tests.conftest import REPOSITORY
from tests.integration.conftest import _run_inside

pytestmark = [pytest.mark.vm(minutes=8), pytest.mark.drill]

SATCHEL = (sys.executable, "-m", "builder")
RECIPE = """\
version: 1
name: kolibri-stick
description: Takes the sticks of a test
extends: [{repository}/recipes/kolibri-pc.yml]
kolibri:
  sticks:
    keys: [{key}]
"""
PORT = 8080


def satchel(*arguments: str | Path) -> str:
    environment = {**os.environ, "PYTHONPATH": str(REPOSITORY)}
    done = subprocess.run((*SATCHEL, *arguments), check=True, env=environment, stdout=subprocess.PIPE, text=True)
    return done.stdout


def channels(port: int) -> dict[str, int]:
    """What Kolibri tells the network."""
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/api/public/v1/channels/", timeout=120) as answer:
        return {channel["id"]: channel["total_resource_count"] for channel in json.load(answer)}


def test_a_stick_that_is_plugged_in_brings_its_channels(tmp_path: Path) -> None:
    key = tmp_path / "stick.pem"
    recipe = tmp_path / "kolibri-stick.yml"
    recipe.write_text(RECIPE.format(repository=REPOSITORY, key=make_key(key)))
    shutil.copyfile(REPOSITORY / "recipes/kolibri-pc.lock", recipe.with_suffix(".lock"))
    satchel("build", recipe, "--dist", tmp_path / "dist", "--split", "--progress", "plain")
    new = [
        make_demo_channel(tmp_path / "drive" / "content", languages=languages, lessons=lessons)
        for languages, lessons in ((("fr",), 2), (("en", "sw"), 3))
    ]
    made = satchel("content", "stick", tmp_path / "drive", "--to", tmp_path / "stick.img", "--key", key, "--json",
                   "--for", "kolibri-stick")  # fmt: skip
    assert {channel["id"] for channel in json.loads(made)["channels"]} == {channel.id for channel in new}
    (image,) = (tmp_path / "dist" / "kolibri-stick").glob("*.vmdk")
    _run_inside(lambda: plug_in(image, tmp_path))
    found = json.loads((tmp_path / "found.json").read_text())
    wanted = {channel.id: channel.resources for channel in new}
    assert {id_: found["taken"].get(id_) for id_ in wanted} == wanted
    assert len(found["taken"]) == len(wanted) + 1
    assert found["restarted"] == found["taken"]
    assert [check for check in found["checks"] if not check["ok"]] == []
    assert "Content stick: all of it is here already" in console(tmp_path, "stick")


def plug_in(image: Path, directory: Path) -> None:
    def bring(_sandbox: Sandbox, own: Path) -> None:
        shutil.copyfile(directory / "stick.img", own / "stick.img")

    stick = f"driver=raw,node-name=stick,read-only=on,file.driver=file,file.filename={MACHINE}/stick.img"
    extra = ("-device", "qemu-xhci", "-blockdev", stick)
    with machine("stick", image, directory, ports=(PORT,), prepare=bring, extra=extra) as school:
        device, patience = school.device, school.patience
        device.await_text("This device is kolibri-", within=patience.first_boot)
        device._qemu.control.execute("device_add", driver="usb-storage", id="plugged", drive="stick", removable=True)
        device.await_text("Content stick: done:", within=patience.first_boot)
        taken = channels(device.forwards[PORT])
        device.ask("reboot", within=patience.restart)
        device.await_restart(within=patience.poweroff)
        report = device.ask("stay", within=patience.restart)
        device.await_text("Content stick: all of it is here already", within=patience.restart)
        facts = {
            "taken": taken,
            "restarted": channels(device.forwards[PORT]),
            "checks": [{"name": check.name, "ok": check.ok} for check in report.checks],
        }
        (directory / "found.json").write_text(json.dumps(facts))
        device.ask("poweroff", within=patience.restart)
        device.await_poweroff(within=patience.poweroff)
