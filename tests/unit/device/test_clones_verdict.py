from __future__ import annotations

from itertools import product
from pathlib import Path

import pytest
from clones import fingerprint, history, machine, verdict
from clones.fingerprint import Fingerprint
from clones.verdict import Verdict
from device.paths import Paths

OLD = Fingerprint(board={"product_uuid": ["b"]}, disk={"serial": ["d"]}, network={"address": ["n"]})
NEW = {"board": {"product_uuid": ["B"]}, "disk": {"serial": ["D"]}, "network": {"address": ["N"]}}


def now(**parts: str) -> Fingerprint:
    """The old machine with some parts new, or not telling."""
    chosen = {
        name: OLD.part(name) if parts.get(name) is None else NEW[name] if parts[name] == "new" else {}
        for name in fingerprint.PARTS
    }
    return Fingerprint(**chosen)


def compared(there: Fingerprint, *, born_on: fingerprint.Part | None = None) -> Verdict:
    return verdict.compare(OLD, there, born_on=OLD.disk if born_on is None else born_on).verdict


@pytest.mark.parametrize(
    ("parts", "expected"),
    [
        ({}, Verdict.SAME),
        ({"disk": "silent", "network": "silent"}, Verdict.SAME),
        ({"board": "silent", "disk": "silent", "network": "silent"}, Verdict.UNKNOWN),
        ({"board": "new", "disk": "new", "network": "new"}, Verdict.ANOTHER),
        ({"board": "new", "disk": "new", "network": "silent"}, Verdict.ANOTHER),
        ({"board": "new", "disk": "silent", "network": "silent"}, Verdict.ANOTHER),
        ({"board": "new"}, Verdict.REPAIRED),
        ({"disk": "new"}, Verdict.REPAIRED),
        ({"network": "new"}, Verdict.REPAIRED),
        ({"disk": "new", "network": "new"}, Verdict.REPAIRED),
        ({"board": "silent", "disk": "new"}, Verdict.REPAIRED),
        ({"board": "new", "network": "new"}, Verdict.MOVED),
        ({"board": "new", "disk": "new"}, Verdict.ANOTHER),
    ],
)
def test_verdicts(parts: dict[str, str], expected: Verdict) -> None:
    assert compared(now(**parts)) is expected


def test_a_disk_that_replaced_the_first_one_is_no_proof_of_being_the_original() -> None:
    """A master was copied, each copy tried once in the workshop's machine, and then carried into the field."""
    tried = verdict.merged(OLD, now(disk="new"))
    there = Fingerprint(board={"product_uuid": ["x"]}, disk=tried.disk, network={"address": ["y"]})
    assert verdict.compare(tried, there, born_on=OLD.disk).verdict is Verdict.ANOTHER
    assert verdict.compare(tried, there, born_on=tried.disk).verdict is Verdict.MOVED


def test_a_comparison_does_not_depend_on_what_neither_changes_nor_tells() -> None:
    for states in product((None, "new", "silent"), repeat=3):
        parts = dict(zip(fingerprint.PARTS, states, strict=True))
        found = verdict.compare(OLD, now(**{name: state for name, state in parts.items() if state}), born_on=OLD.disk)
        assert set(found.changed) == {name for name, state in parts.items() if state == "new"}
        assert set(found.same) == {name for name, state in parts.items() if state is None}


def test_one_agreement_of_a_part_is_enough_and_a_late_driver_is_not_forgotten() -> None:
    board = {"product_uuid": ["b"], "product_serial": ["other"]}
    there = Fingerprint(board=board, disk={}, network={"address": ["n", "dongle"]})
    assert compared(there) is Verdict.SAME
    assert verdict.merged(OLD, there) == Fingerprint(board=board, disk=OLD.disk, network={"address": ["dongle", "n"]})


@pytest.mark.parametrize(
    "junk",
    [
        "", "0", "00000000-0000-0000-0000-000000000000", "FFFFFFFF-FFFF-FFFF-FFFF-FFFFFFFFFFFF",
        "To be filled by O.E.M.",
        "To Be Filled By O.E.M", "Default string", "System Serial Number", "Not Specified", "None", "N/A", "QM00001",
        "123456789", "0123456789ABCDEF", "XXXXXXXXXX", "........", "Base Board Serial Number",
        "03000200-0400-0500-0006-000700080009", "Not Applicable", "INVALID",
    ],
)  # fmt: skip
def test_what_makers_write_where_a_number_should_be_is_nothing(junk: str) -> None:
    assert not fingerprint.known(junk)


@pytest.mark.parametrize(
    "number", ["5CG7241XYZ", "4c4c4544-0043-4d10-8031-b9c04f4a3332", "10000000a1b2c3d4", "SN-0001"]
)
def test_a_number_is_something(number: str) -> None:
    assert fingerprint.known(number)


def machine_with(root: Path, **texts: str) -> Paths:
    paths = Paths(root=root)
    disk = root / "sys/devices/pci0/nvme/nvme0/nvme0n1"
    files = {
        "proc/self/mountinfo": "1 0 259:2 / / rw - ext4 /dev/nvme0n1p2 rw\n",
        "sys/class/dmi/id/product_uuid": "4c4c4544-0043-4d10-8031-b9c04f4a3332\n",
        "sys/class/dmi/id/product_serial": "Default string\n",
        str((disk / "nvme0n1p2/partition").relative_to(root)): "2\n",
        str((disk / "device/serial").relative_to(root)): "S3EVNX0K1234   \n",
        "sys/class/net/lo/address": "00:00:00:00:00:00\n",
        "sys/class/net/veth0/address": "00:1b:21:00:00:01\n",
        **{path.replace("|", "/"): text for path, text in texts.items()},
    }
    for path, text in files.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(text)
    link = root / "sys/dev/block/259:2"
    link.parent.mkdir(parents=True)
    link.symlink_to(disk / "nvme0n1p2")
    return paths


def card(root: Path, name: str, address: str, *, wireless: bool = False, assigned: str = "0") -> None:
    place = root / "sys/class/net" / name
    (place / "device").mkdir(parents=True)
    for file, text in (("address", address), ("type", "1"), ("addr_assign_type", assigned)):
        (place / file).write_text(f"{text}\n")
    if wireless:
        (place / "wireless").mkdir()


def test_the_parts_are_read_where_the_kernel_shows_them(tmp_path: Path) -> None:
    paths = machine_with(tmp_path)
    card(tmp_path, "wlan0", "00:1b:21:00:00:02", wireless=True)
    only_wireless = fingerprint.read(paths, b"salt")
    card(tmp_path, "docker0", "02:42:00:00:00:01")
    card(tmp_path, "enp1s0", "00:1b:21:00:00:03")
    card(tmp_path, "enp2s0", "00:1b:21:00:00:04", assigned="1")
    found = fingerprint.read(paths, b"salt")
    assert list(found.board) == ["product_uuid"]
    assert list(found.disk) == ["device/serial"]
    assert len(found.network["address"]) == 1
    assert found.network != only_wireless.network
    assert fingerprint.read(paths, b"other").board != found.board
    assert "4c4c4544" not in str(found)


def test_a_machine_that_tells_nothing_is_no_error(tmp_path: Path) -> None:
    paths = Paths(root=tmp_path)
    paths.mountinfo.parent.mkdir(parents=True)
    paths.mountinfo.write_text("1 0 0:1 / / rw - btrfs /dev/not-there rw\n")
    assert fingerprint.read(paths, b"") == Fingerprint(board={}, disk={}, network={})


def test_the_machine_is_remembered_for_root_only_and_whole(tmp_path: Path) -> None:
    paths = machine_with(tmp_path)
    here = machine.here(paths)
    machine.save(paths, here)
    assert machine.load(paths) == here
    assert paths.machine.stat().st_mode & 0o777 == 0o600
    paths.machine.write_text('{"salt": "00"}')
    assert machine.load(paths) is None


def test_the_history_only_grows_and_survives_damage(tmp_path: Path) -> None:
    paths = Paths(root=tmp_path)
    first = (
        history.load(paths).with_event("moved", other_machine=True).with_event("forked", id="1", formerly={"code": "A"})
    )
    assert first.with_event("forked", id="1", formerly={"code": "B"}) is first
    history.save(paths, first)
    assert history.load(paths) == first
    assert (first.machines, first.formerly()) == (2, ({"code": "A"},))
    paths.machines.write_text("{")
    assert history.load(paths) == history.History()
    assert paths.machines.with_suffix(".damaged").read_text() == "{"
