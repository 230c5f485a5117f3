"""Kolibri in a container beside PostgreSQL, behind HTTPS: its image is replaced, and taken back. Takes minutes.

Who the facility is, its users and a file of content must be the same before and after; an image that does not work must
leave the one before running. From outside, by the network that others share, only declared ports answer.
"""

from __future__ import annotations

import json
import re
import ssl
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

import pytest

from builder.host.places import RECIPES
from builder.recipe.load import load_recipe
from tests.boot import drills
from tests.boot.machines import Machine, built, machine
from tests.integration.conftest import _run_inside

pytestmark = [pytest.mark.vm(minutes=15), pytest.mark.drill]

DRILL = Path(__file__).with_name("kolibri-cloud-drill.sh")
CLOUD = RECIPES / "kolibri-cloud.yml"


def recipe() -> dict[str, Any]:
    """The cloud's image, and in it what its container is replaced by: the same software as if it were the next."""
    cloud = load_recipe(CLOUD).recipe.containers
    assert cloud is not None
    following = cloud.images[0].model_dump(mode="json", exclude_defaults=True)["build"]
    for application in following["packages"]["pip"]:
        application["requirements"] = str(RECIPES / application["requirements"])
    following["environment"]["NEXT"] = "yes"
    broken = {"packages": {"apt": ["busybox-static"]}, "command": ["busybox", "false"]}
    images = [{"name": "localhost/kolibri:next", "build": following}, {"name": "localhost/broken:1", "build": broken}]
    about = {"version": 1, "name": "kolibri-cloud", "description": "The cloud's image, and the next"}
    return {**about, "extends": [str(CLOUD)], "containers": {"images": images}, "checks": [drills.begins(DRILL)]}


def test_a_container_is_replaced_and_taken_back_and_its_data_stays(tmp_path: Path) -> None:
    (tmp_path / "kolibri-cloud.yml").write_text(json.dumps(recipe()))
    image = built(tmp_path / "kolibri-cloud.yml", tmp_path / "dist")
    _run_inside(lambda: work_in_machine(image, tmp_path))
    seen = drills.told(tmp_path, "cloud")
    assert re.fullmatch(r"localhost/kolibri:0.19.5 [0-9a-f-]{36} [0-9a-f-]{36} a lesson", seen["first"]), seen["first"]
    facility_user_file = seen["first"].split(maxsplit=1)[1]
    assert seen["replaced"].endswith("Done.")
    assert seen["second"] == f"localhost/kolibri:next {facility_user_file} 200"
    assert (
        "localhost/broken:1 does not work in the place of localhost/kolibri:next, which runs again" in seen["refused"]
    )
    assert seen["still"] == f"localhost/kolibri:next {facility_user_file} 200"
    assert "kolibri runs from localhost/kolibri:0.19.5 again." in seen["returned"]
    assert seen["third"] == f"localhost/kolibri:0.19.5 {facility_user_file} 200"
    assert seen["list"] == "kolibri localhost/kolibri:0.19.5"


def work_in_machine(image: Path, directory: Path) -> None:
    with machine("cloud", image, directory, ports=(80, 443, 5432)) as cloud:
        report = cloud.device.ask("stay", within=3 * cloud.patience.first_boot)
        assert [check.name for check in report.checks if not check.ok] == []
        assert_only_the_web_is_open(cloud)
        cloud.device.await_text(drills.END, within=3 * cloud.patience.first_boot)


def assert_only_the_web_is_open(cloud: Machine) -> None:
    forwards = cloud.device.forwards
    opener = urllib.request.build_opener(_Stays)
    with pytest.raises(urllib.error.HTTPError) as caught:
        opener.open(f"http://127.0.0.1:{forwards[80]}/learn", timeout=120)
    assert (caught.value.code, caught.value.headers["Location"]) == (308, "https://127.0.0.1/learn")
    anybody = ssl._create_unverified_context()
    with urllib.request.urlopen(
        f"https://127.0.0.1:{forwards[443]}/api/public/info/", timeout=120, context=anybody
    ) as answer:
        assert answer.status == 200
    with pytest.raises(OSError, match=r"timed out|reset|closed"):
        # QEMU takes the connection for the guest, and says nothing more when the guest does not.
        urllib.request.urlopen(f"http://127.0.0.1:{forwards[5432]}/", timeout=20)


class _Stays(urllib.request.HTTPRedirectHandler):
    """Goes nowhere."""

    def redirect_request(self, *_: object) -> None:
        return None
