"""Machine id and SSH host keys, made by the real programs below another root."""

from __future__ import annotations

import stat
import subprocess
from pathlib import Path

import pytest
from agent.identity import identity
from device.paths import Paths
from device.settings import Settings
from firstboot.device import Device
from firstboot.steps import machine_id, ssh_keys

SETTINGS = Settings(
    recipe="r",
    hostname="h",
    facility=None,
    kolibri=None,
    secrets=(),
    tls=None,
    console_users=(),
    minutes=30,
    on_new_machine="record",
    grow=None,
    esp=None,
    keep=None,
    mounts=(),
)


@pytest.fixture
def device(tmp_path: Path) -> Device:
    for directory in ("etc/ssh", "proc/self", "var/lib/dbus"):
        (tmp_path / directory).mkdir(parents=True)
    (tmp_path / "proc/self/mountinfo").write_text("1 0 0:1 / / rw - btrfs /dev/vda3 rw\n")
    return Device(paths=Paths(root=tmp_path), settings=SETTINGS, facts={"hostname": "satchel-k7m3-q2x1"})


@pytest.mark.in_namespace
@pytest.mark.parametrize("before", ["", "uninitialized\n", "0" * 32, "ABCDEF", None])
def test_a_missing_machine_id_is_made(device: Device, before: str | None) -> None:
    if before is not None:
        device.paths.machine_id.write_text(before)
    made = machine_id.run(device)["machine_id"]
    assert made == device.paths.machine_id.read_text().strip()
    assert len(made) == 32
    assert made != "0" * 32
    assert machine_id.run(device)["machine_id"] == made
    assert device.paths.at("/var/lib/dbus/machine-id").readlink() == Path("/etc/machine-id")


def test_a_machine_id_that_systemd_made_is_kept(device: Device) -> None:
    device.paths.machine_id.write_text("0123456789abcdef" * 2 + "\n")
    device.paths.at("/var/lib/dbus/machine-id").write_text("fedcba9876543210" * 2)
    assert machine_id.run(device) == {"machine_id": "0123456789abcdef" * 2}
    assert device.paths.at("/var/lib/dbus/machine-id").is_symlink()


def fingerprints(device: Device) -> dict[str, str]:
    listed = {}
    for kind in ssh_keys.KINDS:
        path = device.paths.at(f"/etc/ssh/ssh_host_{kind}_key.pub")
        done = subprocess.run(("ssh-keygen", "-l", "-f", path), capture_output=True, text=True, check=True)
        listed[kind] = done.stdout.split()[1]
    return listed


def test_a_key_that_a_power_cut_left_in_its_making_goes(device: Device) -> None:
    left = device.paths.at("/etc/ssh/.satchel-x7q2")
    left.mkdir()
    (left / "key").write_text("half of a private key")
    ssh_keys.run(device)
    assert not left.exists()


def test_host_keys_are_whole_private_and_stay(device: Device) -> None:
    ssh_keys.run(device)
    names = sorted(path.name for path in device.paths.at("/etc/ssh").iterdir())
    assert names == sorted(f"ssh_host_{kind}_key{end}" for kind in ssh_keys.KINDS for end in ("", ".pub"))
    for kind in ssh_keys.KINDS:
        mode = device.paths.at(f"/etc/ssh/ssh_host_{kind}_key").stat().st_mode
        assert stat.S_IMODE(mode) == 0o600
    first = fingerprints(device)
    ssh_keys.run(device)
    assert fingerprints(device) == first
    assert identity(device.paths)["ssh_host_keys"] == first


def test_a_cut_off_key_is_made_again_and_a_lost_public_part_comes_back(device: Device) -> None:
    ssh_keys.run(device)
    first = fingerprints(device)
    private = device.paths.at("/etc/ssh/ssh_host_ed25519_key")
    private.write_bytes(private.read_bytes()[:100])
    device.paths.at("/etc/ssh/ssh_host_ecdsa_key.pub").unlink()
    ssh_keys.run(device)
    second = fingerprints(device)
    assert second["ed25519"] != first["ed25519"]
    assert second["ecdsa"] == first["ecdsa"]
