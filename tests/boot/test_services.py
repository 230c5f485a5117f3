"""Everything that serves others beside Kolibri, in one machine: containers, a database, an authority, closed ports.

Both drivers of podman's store can be booted. What a layer of an image removed must be gone, as root reads it; and the
store is made anew, with all that is valuable left alone. With the driver overlay a container is replaced and taken
back, and the database takes over the data of an earlier release; with btrfs, whose boot is a drill, the store is made
anew once more, as after a power cut. Takes minutes.
"""

from __future__ import annotations

import json
import urllib.request
from pathlib import Path

import pytest

from builder.artifact import read_embedded_manifest, subject_of
from builder.boot.gift import give
from builder.disk.read import read_table
from builder.host.sandbox import Sandbox
from builder.host.tools import ensure_lab
from builder.progress import Reporter
from tests.boot import drills
from tests.boot.machines import built, console, machine
from tests.conftest import REPOSITORY
from tests.images import oci_archive, trap
from tests.integration.conftest import _run_inside

pytestmark = pytest.mark.vm(minutes=12)

PORT = 8080
DRILL = Path(__file__).with_name("services-drill.sh")
RECIPE = {
    "version": 1,
    "name": "services",
    "extends": [f"{REPOSITORY}/tests/boot/services.yml"],
    "containers": {"images": [{"name": "docker.io/school/trap:1", "archive": "trap.tar"}]},
    "checks": [drills.begins(DRILL, "{{ driver }}")],
}


@pytest.fixture(scope="module")
def recipe(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A recipe beside its archive; the lock that the first build makes serves for the second."""
    directory = tmp_path_factory.mktemp("services")
    oci_archive(directory / "trap.tar", trap())
    path = directory / "services.yml"
    path.write_text(json.dumps(RECIPE))
    return path


def served(port: int) -> str:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/page", timeout=120) as answer:
        return str(answer.read().decode())


def work_in_machine(image: Path, directory: Path, *, restart: bool) -> None:
    def give_secrets_of_the_site(sandbox: Sandbox, own: Path) -> None:
        tools = ensure_lab(Reporter())
        common = subject_of(image, read_embedded_manifest(tools, image, read_table(image))).common
        assert common, "the recipe has a secret of the site"
        give(sandbox, own, common)

    with machine("services", image, directory, ports=(PORT,), prepare=give_secrets_of_the_site) as it:
        device, patience = it.device, it.patience
        reports = [device.ask("stay", within=patience.first_boot)]
        device.await_text(drills.END, within=2 * patience.first_boot)
        if restart:
            device.ask("reboot", within=patience.first_boot)
            device.await_restart(within=patience.poweroff)
        reports.append(device.ask("stay", within=patience.first_boot))
        page = served(device.forwards[PORT])
    found = {
        "reports": [{check.name: check.ok for check in report.checks} for report in reports],
        "hostname": reports[-1].identity.fields()["hostname"],
        "served": page,
    }
    (directory / "found.json").write_text(json.dumps(found))


@pytest.mark.parametrize("driver", ["overlay", pytest.param("btrfs", marks=pytest.mark.drill)])
def test_containers_run_and_their_store_can_be_made_anew(driver: str, recipe: Path, tmp_path: Path) -> None:
    restart = driver == "btrfs"
    image = built(recipe, tmp_path / "dist", "--set", f"driver={driver}")
    _run_inside(lambda: work_in_machine(image, tmp_path, restart=restart))
    found = json.loads((tmp_path / "found.json").read_text())
    for report in found["reports"]:
        assert [name for name, ok in report.items() if not ok] == []
    assert found["served"] == f"{found['hostname']} was here\n"
    seen = drills.told(tmp_path, "services")
    assert "renewed" in seen
    # Once by the drill and, where there was one, at the next start.
    assert console(tmp_path, "services").count("making /var/lib/containers anew") == 1 + restart
    if driver == "overlay":
        assert_replaced_and_taken_back(seen, f"{found['hostname']} was here")
        assert_taken_over(seen)


def assert_replaced_and_taken_back(seen: dict[str, str], page: str) -> None:
    """The container runs from another image, not from one that does not work, and again from the first."""
    assert seen["replaced"].endswith("Done.")
    assert seen["second"] == f"web localhost/web:2 before: localhost/web:1 second {page}"
    assert "localhost/broken:1 does not work in the place of localhost/web:2, which runs again" in seen["refused"]
    assert seen["still"] == seen["second"]
    assert "web runs from localhost/web:1 again." in seen["returned"]
    assert seen["third"] == f"web localhost/web:1 {page}"


def assert_taken_over(seen: dict[str, str]) -> None:
    """The database of the release before, first refused, then upgraded, then confirmed."""
    assert seen["failed"].startswith("satchel-postgres.service")
    assert "the data of this device is of PostgreSQL 15, and this system has 17" in seen["journal"]
    assert "`sudo satchel-postgres upgrade --dry-run`" in seen["journal"]
    assert seen["untouched"] == "15"
    assert "by sharing its blocks" in seen["upgrade"]
    assert "Done." in seen["upgrade"]
    assert seen["active"] == "active"
    assert seen["work"] == "1000"
    assert "/srv/data/postgres/15 PostgreSQL 15, kept from an earlier system" in seen["both"]
    assert seen["confirm"] == "The data of PostgreSQL 15 is removed."
    assert seen["new"] == "17"
