"""`satchel audit` on images of anybody: each is caught for the right reasons, and nothing is said of a clean one."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.integration.conftest import _run_inside

from .dirty import (
    DISKS,
    LEARNER,
    SYSTEM,
    Part,
    deprovisioned_home,
    make_disk,
    provisioned_home,
    rachel,
)


@pytest.fixture(scope="module")
def provisioned(kolibri_venv: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return provisioned_home(kolibri_venv, tmp_path_factory.mktemp("provisioned") / "kolibri")


@pytest.fixture(scope="module")
def deprovisioned(kolibri_venv: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return deprovisioned_home(kolibri_venv, tmp_path_factory.mktemp("deprovisioned") / "kolibri")


def satchel(*arguments: str | Path) -> tuple[int, str, str]:
    command = [sys.executable, "-m", "builder", "audit", *map(str, arguments), "--progress", "none"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=dict(os.environ))
    return done.returncode, done.stdout, done.stderr


def audited(*arguments: str | Path) -> dict[str, Any]:
    """The whole outcome; exit code and verdict agree."""
    status, out, err = satchel(*arguments, "--json")
    assert status in {0, 9}, err
    told: dict[str, Any] = json.loads(out)
    assert told["passed"] is (status == 0)
    return told


def rules(told: dict[str, Any]) -> set[str]:
    return {finding["rule"] for finding in told["findings"]}


def paths(told: dict[str, Any], rule: str) -> list[str]:
    return [finding["path"] for finding in told["findings"] if finding["rule"] == rule]


def mounts(told: dict[str, Any]) -> dict[str, list[str]]:
    return {looked["place"]: looked["mounts"] for looked in told["looked_at"]}


def not_looked(told: dict[str, Any]) -> dict[str, str]:
    return {place["place"]: place["why"] for place in told["not_looked_at"]}


def disk(make: Callable[..., Path], tmp_path: Path, **wanted: object) -> Path:
    image = tmp_path / "try.img"
    _run_inside(lambda: make(image, **wanted))
    return image


@pytest.mark.parametrize("name", DISKS)
def test_a_clean_image_passes(name: str, tmp_path: Path) -> None:
    told = audited(disk(DISKS[name], tmp_path, dirty=False))
    assert told["findings"] == []
    assert told["files"] >= len(SYSTEM)
    assert ["/"] in [places[:1] for places in mounts(told).values()]


def test_internet_in_a_box_with_kolibri_provisioned_before_imaging(provisioned: Path, tmp_path: Path) -> None:
    told = audited(disk(DISKS["iiab"], tmp_path, dirty=True, home=provisioned))
    assert rules(told) == {
        "kolibri-identity",
        "kolibri-people",
        "kolibri-home",
        "private-keys",
        "default-passwords",
        "service-identities",
    }
    assert paths(told, "private-keys") == ["/library/kolibri/db.sqlite3"]
    assert set(paths(told, "kolibri-identity")) == {"/library/kolibri"}
    assert paths(told, "service-identities") == ["/etc/iiab/uuid"]
    whats = [finding["what"] for finding in told["findings"]]
    assert 'the password of Kolibri\'s administrator Admin is "changeme"' in whats
    for table in ("morango_certificate", "morango_databaseidmodel", "kolibriauth_facilitydataset"):
        assert any(table in what for what in whats)
    assert mounts(told) == {"p1": ["/boot/firmware"], "p2": ["/"]}
    assert not_looked(told) == {
        "/library/kolibri/content/storage": "content: published files, known by their checksums",
        "/media/usb": "/dev/sdb1 is mounted there, which is not in the image",
    }


def test_raspberry_pi_os_after_its_first_boot(tmp_path: Path) -> None:
    told = audited(disk(DISKS["raspios"], tmp_path, dirty=True))
    assert rules(told) == {
        "machine-id",
        "ssh-host-keys",
        "passwords",
        "default-passwords",
        "wifi-secrets",
        "random-seed",
        "dhcp-leases",
        "histories",
        "journals",
    }
    assert paths(told, "passwords") == ["/boot/firmware/userconf.txt"]
    assert paths(told, "wifi-secrets") == [
        "/boot/firmware/wpa_supplicant.conf",
        "/etc/NetworkManager/system-connections/Home.nmconnection",
    ]


def test_one_of_ours_that_was_booted_once_and_copied(tmp_path: Path) -> None:
    image = disk(DISKS["ours"], tmp_path, dirty=True)
    told = audited(image)
    assert rules(told) == {"first-boot-state", "device-seed", "machine-id", "ssh-host-keys", "journals"}
    assert paths(told, "first-boot-state") == [
        "/boot/efi/satchel-report.txt",
        "/var/lib/satchel/admin-password",
        "/var/lib/satchel/identity.json",
        "/var/lib/satchel/journal/hostname.json",
    ]
    assert paths(told, "device-seed") == ["/boot/efi/satchel-seed.txt"]
    assert paths(told, "machine-id") == ["/etc/machine-id", "[root]/@before/etc/machine-id"]
    assert [(each["path"], each["reason"]) for each in told["waived"]] == [
        ("/var/log/install.log", "it tells technicians what was installed")
    ]
    assert [each["rule"] for each in told["stale_waivers"]] == ["wifi-secrets"]
    assert "logs" in rules(audited(image, "--ignore-waivers"))


def test_a_machine_prepared_in_a_cloud(tmp_path: Path) -> None:
    told = audited(disk(DISKS["cloud"], tmp_path, dirty=True))
    assert rules(told) == {
        "cloud-init",
        "private-keys",
        "service-identities",
        "build-proxies",
        "build-paths",
        "dhcp-leases",
        "hardware-addresses",
    }
    assert mounts(told) == {"p1": ["/boot/efi"], "root": ["/"]}
    assert not_looked(told) == {"[swap]": "is swap space"}


def test_a_mounted_tree_with_a_kolibri_that_was_only_deprovisioned(deprovisioned: Path, tmp_path: Path) -> None:
    assert audited(rachel(tmp_path / "clean", dirty=False))["findings"] == []
    tree = rachel(tmp_path / "tree", dirty=True, home=deprovisioned)
    before = {path: path.lstat().st_mtime_ns for path in tree.rglob("*")}
    told = audited(tree)
    assert rules(told) == {"kolibri-identity", "kolibri-people", "kolibri-home"}
    whats = "\n".join(finding["what"] for finding in told["findings"])
    for trace in ("device_deviceappkey", "kolibriauth_session", "media does not belong", "logs does not belong"):
        assert trace in whats
    assert {path: path.lstat().st_mtime_ns for path in tree.rglob("*")} == before


def test_planted_secrets_are_found_by_number(deprovisioned: Path, tmp_path: Path) -> None:
    tree = rachel(tmp_path / "tree", dirty=True, home=deprovisioned)
    (tmp_path / "secrets").write_text(f"\nnot-anywhere-at-all\n{LEARNER}\n")
    told = audited(tree, "--secrets", tmp_path / "secrets", "--rule", "planted-secrets")
    # Kolibri logs every command line, and the test made the learner by one.
    assert {(finding["path"], finding["what"]) for finding in told["findings"]} == {
        ("/root/.kolibri/media/log_export/content_session_logs.csv", "holds secret 2"),
        ("/root/.kolibri/logs/kolibri.txt", "holds secret 2"),
    }
    assert LEARNER not in json.dumps(told)


def test_a_file_system_without_a_table_is_a_system_too(tmp_path: Path) -> None:
    parts = (Part(name="root", filesystem="ext4", files={**SYSTEM, "etc/machine-id": "0" * 32}),)
    image = tmp_path / "root.ext4"
    _run_inside(lambda: make_disk(image, "", parts))
    told = audited(image)
    assert paths(told, "machine-id") == ["/etc/machine-id"]
    assert mounts(told) == {"whole": ["/"]}


def test_what_no_system_mounts_is_looked_at_all_the_same(provisioned: Path, tmp_path: Path) -> None:
    parts = (Part(name="data", filesystem="btrfs", files={"@/x": ""}, size=200, copied=(("@k", provisioned),)),)
    image = tmp_path / "data.img"
    _run_inside(lambda: make_disk(image, "gpt", parts))
    told = audited(image)
    assert set(paths(told, "kolibri-identity")) == {"[data]/@k"}
    assert mounts(told) == {"data": []}
    assert "[data]/@k/content/storage" in not_looked(told)


def test_the_text_and_the_threshold(tmp_path: Path) -> None:
    tree = rachel(tmp_path / "tree", dirty=False)
    (tree / "var/log/dpkg.log").write_text("installed\n")
    status, out, err = satchel(tree)
    assert status == 9
    assert "minor (1)\n  logs: " in out
    assert "    /var/log/dpkg.log: has content\n    remedy: " in out
    assert err.startswith(f"satchel: {tree} holds 1 thing")
    status, out, err = satchel(tree, "--fail-on", "serious")
    assert (status, err) == (0, "")
    assert out.endswith("1 minor\n")
