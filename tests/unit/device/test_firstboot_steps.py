from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from device import files
from device.errors import DeviceError
from device.paths import Paths
from device.settings import Facility, Kolibri, Settings
from firstboot.device import Device
from firstboot.engine import StepFailed
from firstboot.steps import STEPS, code, grow, hostname, identity, kolibri_identity, mounts, report

KOLIBRI = Kolibri(venv="/opt/k", user="kolibri", home="/srv/data/k", content="/srv/content/k", port=8080, zip_port=81)
FACILITY = Facility(name="School {code}", preset="formal", language="en", admin="admin")
SETTINGS = Settings(
    recipe="kolibri-pc",
    hostname="kolibri-{code}",
    facility=FACILITY,
    kolibri=KOLIBRI,
    secrets=(),
    tls=None,
    console_users=("technician",),
    minutes=30,
    on_new_machine="record",
    grow="/srv/data",
    esp="/boot/efi",
    keep=None,
    mounts=("/", "/boot/efi"),
)
MOUNTED = "1 0 0:1 / / rw - btrfs /dev/vda3 rw\n2 1 254:2 / /boot/efi rw - vfat /dev/vda2 rw\n"


@pytest.fixture
def device(tmp_path: Path) -> Device:
    for directory in ("proc/self", "proc/sys/kernel", "boot/efi", "etc"):
        (tmp_path / directory).mkdir(parents=True)
    (tmp_path / "proc/self/mountinfo").write_text(MOUNTED)
    (tmp_path / "etc/os-release").write_text('PRETTY_NAME="Debian GNU/Linux 13 (trixie)"\n')
    facts = {"machine_id": "ab" * 16, "code": "K7M3-Q2X1", "hostname": "kolibri-k7m3-q2x1"}
    return Device(paths=Paths(root=tmp_path), settings=SETTINGS, facts=facts)


def test_names_of_steps_are_unique() -> None:
    assert len({step.name for step in STEPS}) == len(STEPS)


def test_missing_partitions_stop_first_boot(device: Device) -> None:
    assert mounts.run(device) == {}
    device.paths.mountinfo.write_text(MOUNTED.splitlines()[0])
    with pytest.raises(DeviceError, match="/boot/efi"):
        mounts.run(device)


def test_a_code_once_known_is_kept(device: Device) -> None:
    fresh = code.run(device)["code"]
    assert code.run(device)["code"] != fresh
    files.write(device.paths.identity, json.dumps({"code": fresh}))
    assert code.run(device) == {"code": fresh}
    files.write(device.paths.identity, json.dumps({"code": "ZZZZ-ZZZZ1"}))
    assert code.run(device)["code"] != "ZZZZ-ZZZZ1"


def test_hostname(device: Device) -> None:
    (device.paths.at("/etc/hosts")).write_text("127.0.0.1\tlocalhost\n127.0.1.1\tbuilder\n10.0.0.1 printer\n")
    for _ in range(2):
        assert hostname.run(device) == {"hostname": "kolibri-k7m3-q2x1"}
    assert device.paths.at("/etc/hostname").read_text() == "kolibri-k7m3-q2x1\n"
    assert device.paths.at("/proc/sys/kernel/hostname").read_text() == "kolibri-k7m3-q2x1"
    assert device.paths.at("/etc/hosts").read_text().splitlines() == [
        "::1\tlocalhost ip6-localhost ip6-loopback",
        "127.0.0.1\tlocalhost",
        "10.0.0.1 printer",
        "127.0.1.1\tkolibri-k7m3-q2x1",
    ]


def test_kolibri_identity_is_fixed_once_and_hides_the_machine_id(device: Device) -> None:
    kolibri_identity.run(device)
    path = device.paths.kolibri_environment[1]
    first = path.read_text()
    assert "ab" * 16 not in first
    assert len({line.partition("=")[2] for line in first.splitlines()}) == 2
    kolibri_identity.run(replace(device, facts={"machine_id": "cd" * 16}))
    assert path.read_text() == first
    path.write_text("MORANGO_SYSTEM_ID=\n")
    kolibri_identity.run(device)
    assert path.read_text() == first
    path.unlink()
    kolibri_identity.run(replace(device, facts={"machine_id": "cd" * 16}))
    assert path.read_text() != first


def test_report_tells_everything_but_secrets(device: Device) -> None:
    files.write(device.paths.admin_password, "lusab-babad\n", mode=0o600)
    identity.run(device)
    report.run(device)
    esp = device.paths.at("/boot/efi")
    known = json.loads((esp / "satchel-report.json").read_text())
    assert known["state"] == "ready"
    assert known["code"] == "K7M3-Q2X1"
    assert known["system"] == "Debian GNU/Linux 13 (trixie)"
    text = (esp / "satchel-report.txt").read_text()
    assert "Facility code:       K7M3-Q2X1\n" in text
    assert "http://kolibri-k7m3-q2x1:8080/" in text
    for path in [device.paths.identity, *esp.iterdir()]:
        assert "lusab" not in path.read_text()


def test_a_failure_is_reported_on_the_esp_only_when_it_is_mounted(device: Device) -> None:
    error = StepFailed("grow", "the disk is upside down", "turn it")
    report.write_failure(device, error)
    text = device.paths.at("/boot/efi/satchel-report.txt").read_text()
    assert "failed" in text
    assert "the disk is upside down" in text
    device.paths.at("/boot/efi/satchel-report.txt").unlink()
    device.paths.mountinfo.write_text(MOUNTED.splitlines()[0])
    report.write_failure(device, error)
    assert not device.paths.at("/boot/efi/satchel-report.txt").exists()


def test_the_disk_of_a_partition_is_found_by_sysfs(tmp_path: Path) -> None:
    disk = tmp_path / "sys/devices/pci0/nvme/nvme0/nvme0n1"
    (disk / "nvme0n1p5").mkdir(parents=True)
    (disk / "nvme0n1p5/partition").write_text("5\n")
    (disk / "nvme0n1p5/uevent").write_text("MAJOR=259\nDEVNAME=nvme0n1p5\nDEVTYPE=partition\n")
    (disk / "uevent").write_text("MAJOR=259\nDEVNAME=nvme0n1\nDEVTYPE=disk\n")
    (disk / "size").write_text("2000\n")
    links = tmp_path / "sys/dev/block"
    links.mkdir(parents=True)
    (links / "259:5").symlink_to(disk / "nvme0n1p5")
    (links / "259:0").symlink_to(disk)
    found = grow.find(tmp_path / "sys", Path("/dev"), "259:5")
    assert (found.disk, found.node) == (Path("/dev/nvme0n1"), Path("/dev/nvme0n1p5"))
    assert (found.number, found.disk_bytes) == (5, 1_024_000)
    with pytest.raises(DeviceError, match="not a partition"):
        grow.find(tmp_path / "sys", Path("/dev"), "259:0")
