"""Everything that serves others beside Kolibri, in one machine: containers, a database, an authority, closed ports.

Both drivers of podman's store are booted. What a layer of an image removed must be gone, as root reads it; and the
store is made anew, once at will and once as after a power cut, with all that is valuable left alone. Takes minutes.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import urllib.request
from pathlib import Path

import pytest

from builder.artifact import read_embedded_manifest, subject_of
from builder.boot import card
from builder.boot.accelerator import choose
from builder.boot.console import plain
from builder.boot.diary import Patience
from builder.boot.gift import give
from builder.boot.machine import MachineSpec
from builder.boot.session import session
from builder.boot.subject import Firmware
from builder.disk.read import read_table
from builder.host.tools import ensure_lab
from builder.progress import Reporter
from tests.conftest import REPOSITORY
from tests.images import oci_archive, trap
from tests.integration.conftest import _run_inside

pytestmark = pytest.mark.vm

PORT = 8080
RECIPE = f"""\
version: 1
name: services
extends: [{REPOSITORY}/tests/boot/services.yml]
containers:
  images: [{{name: "docker.io/school/trap:1", archive: trap.tar}}]
"""


@pytest.fixture(scope="module")
def recipe(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A recipe beside its archive; the lock that the first build makes serves for the second."""
    directory = tmp_path_factory.mktemp("services")
    oci_archive(directory / "trap.tar", trap())
    path = directory / "services.yml"
    path.write_text(RECIPE)
    return path


def build(recipe: Path, driver: str, directory: Path) -> Path:
    argv = ("build", recipe, "--set", f"driver={driver}", "--dist", directory, "--split", "--progress", "plain")
    env = {**os.environ, "PYTHONPATH": str(REPOSITORY)}
    subprocess.run((sys.executable, "-m", "builder", *map(str, argv)), env=env, check=True)
    (image,) = (directory / "services").glob("*.vmdk")
    return image


def served(port: int) -> str:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/page", timeout=120) as answer:
        return str(answer.read().decode())


def work_in_machine(image: Path, directory: Path, *, restart: bool) -> None:
    tools = ensure_lab(Reporter())
    accelerator = choose(tools, directory)
    patience = Patience.with_accelerator(accelerator)
    table = read_table(image)
    subject = subject_of(image, read_embedded_manifest(tools, image, table))
    assert subject.common, "the recipe has a secret of the site"
    spec = MachineSpec(name="services", firmware=Firmware.UEFI, acceleration=accelerator.kind, ports=(PORT,))
    machine = directory / "machine"
    machine.mkdir()
    sandbox = card.insert(tools, accelerator, image, card_bytes=subject.card_bytes, directory=machine)
    give(sandbox, machine, subject.common)
    with session(sandbox, spec, logs=directory, cancelled=threading.Event()) as device:
        reports = [device.ask("stay", within=patience.first_boot)]
        device.await_text("drill: over", within=patience.first_boot)
        reports.append(device.ask("reboot" if restart else "stay", within=patience.first_boot))
        if restart:
            device.await_restart(within=patience.poweroff)
            reports.append(device.ask("stay", within=patience.first_boot))
        page = served(device.forwards[PORT])
    found = {
        "reports": [{check.name: check.ok for check in report.checks} for report in reports],
        "hostname": reports[-1].identity.fields()["hostname"],
        "served": page,
        "console": plain((directory / "services.console.log").read_text(errors="replace")),
    }
    (directory / "found.json").write_text(json.dumps(found))


@pytest.mark.parametrize(("driver", "restart"), [("overlay", True), ("btrfs", False)])
def test_containers_run_and_their_store_can_be_made_anew(
    driver: str, restart: bool, recipe: Path, tmp_path: Path
) -> None:
    image = build(recipe, driver, tmp_path / "dist")
    _run_inside(lambda: work_in_machine(image, tmp_path, restart=restart))
    found = json.loads((tmp_path / "found.json").read_text())
    assert len(found["reports"]) == 2 + restart
    for report in found["reports"]:
        assert [name for name, ok in report.items() if not ok] == []
    assert found["served"] == f"{found['hostname']} was here\n"
    assert "drill: renewed" in found["console"]
    # Once by the drill and, where there was one, at the next start.
    assert found["console"].count("making /var/lib/containers anew") == 1 + restart
