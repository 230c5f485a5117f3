"""A new system beside the data of an old one becomes the device that the old one was."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from device import files, keepsake, own_seed
from device.errors import DeviceError
from device.paths import Paths
from device.settings import Settings
from firstboot.device import Device
from firstboot.steps import come_back, keep_self

SETTINGS = Settings(
    recipe="kolibri-pc",
    hostname="kolibri-{code}",
    facility=None,
    kolibri=None,
    secrets=(),
    tls=None,
    console_users=("technician",),
    minutes=30,
    on_new_machine="record",
    grow=None,
    esp=None,
    keep="/srv/data",
    mounts=("/", "/srv/data"),
)
FACTS = {
    "code": "83PW-HWQE",
    "hostname": "ecole-7",
    "timezone": "Africa/Nairobi",
    "facility_name": "École du Lac",
    "admin": "directrice",
}
OWN = {
    "/etc/machine-id": "ab" * 16 + "\n",
    "/etc/ssh/ssh_host_ed25519_key": "private\n",
    "/etc/satchel/tls/key.pem": "tls key\n",
    "/etc/satchel/tls/certificate.pem": "certificate\n",
    "/var/lib/satchel/kolibri-identity.env": "MORANGO_SYSTEM_ID=1\n",
    "/var/lib/satchel/machine.json": '{"salt": "x"}\n',
}


def system(root: Path, settings: Settings = SETTINGS) -> Device:
    (root / "proc/self").mkdir(parents=True)
    (root / "proc/self/mountinfo").write_text("1 0 0:1 / / rw - btrfs /dev/vda3 rw\n")
    return Device(paths=Paths(root=root), settings=settings, facts=dict(FACTS))


@pytest.fixture
def old(tmp_path: Path) -> Device:
    """A device after its first boot."""
    device = system(tmp_path / "old")
    for path, text in OWN.items():
        files.write(device.paths.at(path), text)
    files.write(device.paths.admin_password, "lusab-babad-gutih\n", mode=0o600)
    files.write(device.paths.wifi, json.dumps({"ssid": "École", "passphrase": "chalk and slate", "country": "KE"}))
    files.write(device.paths.site, json.dumps({"room": "12"}))
    keep_self.run(device)
    return device


def beside(old: Device, root: Path) -> Device:
    """Another system with the same data."""
    device = system(root)
    (root / "srv").mkdir()
    old.paths.at("/srv/data").rename(root / "srv/data")
    return replace(device, facts={})


def test_the_new_system_becomes_the_old_device(old: Device, tmp_path: Path) -> None:
    new = beside(old, tmp_path / "new")
    assert come_back.run(new) == {"came_back": "83PW-HWQE"}
    for path, text in OWN.items():
        assert new.paths.at(path).read_text() == text
    for private in ("/etc/ssh/ssh_host_ed25519_key", "/etc/satchel/tls/key.pem", "/var/lib/satchel/machine.json"):
        assert new.paths.at(private).stat().st_mode & 0o777 == 0o600
    told = own_seed.wanted(new.paths)
    assert (told.code, told.hostname, told.timezone) == ("83PW-HWQE", "ecole-7", "Africa/Nairobi")
    assert told.facility.admin == "directrice"
    assert (told.admin_password, told.extra) == ("lusab-babad-gutih", {"room": "12"})
    assert told.wifi is not None
    assert told.wifi.passphrase == "chalk and slate"


def test_a_device_without_data_of_before_is_new(tmp_path: Path) -> None:
    device = system(tmp_path / "new")
    assert come_back.run(device) == {}
    assert own_seed.load(device.paths) is None


def test_nobody_else_can_read_it_and_nothing_is_written_that_is_there(old: Device) -> None:
    place = old.paths.at("/srv/data/.satchel-self.json")
    assert place.stat().st_mode & 0o777 == 0o600
    before = place.stat().st_ino
    keep_self.run(old)
    assert place.stat().st_ino == before
    files.write(old.paths.machine, "another\n")
    keep_self.run(old)
    assert place.stat().st_ino != before


@pytest.mark.parametrize(
    "text",
    ["{", "[]", '{"version": 1}', '{"version": 2, "seed": "", "files": {}}', '{"version":1,"seed":"x","files":{}}'],
)
def test_one_that_is_damaged_stops_the_device(text: str, old: Device, tmp_path: Path) -> None:
    old.paths.at("/srv/data/.satchel-self.json").write_text(text)
    with pytest.raises(DeviceError, match="cannot be understood"):
        come_back.run(beside(old, tmp_path / "new"))


def test_only_files_that_are_a_device_s_own_are_put_back(old: Device, tmp_path: Path) -> None:
    place = old.paths.at("/srv/data/.satchel-self.json")
    raw = json.loads(place.read_text())
    raw["files"] |= {"etc/passwd": "root::0:0\n", "../outside": "x"}
    place.write_text(json.dumps(raw))
    new = beside(old, tmp_path / "new")
    come_back.run(new)
    assert not new.paths.at("/etc/passwd").exists()
    assert not (tmp_path / "outside").exists()


def test_who_becomes_somebody_else_leaves_nothing_to_come_back_to(old: Device) -> None:
    keepsake.forget(old.paths, old.settings)
    assert come_back.run(replace(old, facts={})) == {}


def test_without_a_partition_of_its_own_nothing_is_kept(tmp_path: Path) -> None:
    device = system(tmp_path / "plain", replace(SETTINGS, keep=None))
    assert keep_self.run(device) == {}
    assert keepsake.place(device.paths, device.settings) is None
