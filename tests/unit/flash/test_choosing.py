"""What lsblk says becomes facts, and no disk is overwritten unless everything speaks for it."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from builder.flash.choosing import Rules, refusals
from builder.flash.disks import Disk, disks_in, place_of
from builder.units import GIB

CARD = Disk(path=Path("/dev/sdb"), number="8:16", kind="disk", size_bytes=32 * GIB, transport="usb", removable=True)
RULES = Rules(needed_bytes=3 * GIB)


def node(name: str, kind: str = "disk", **other: Any) -> dict[str, Any]:
    common = {"size": 32 * GIB, "rm": True, "ro": False, "model": "Reader ", "vendor": "Maker   ", "serial": "S1"}
    more = {"tran": "usb", "fstype": None, "mountpoints": [None], "maj:min": "8:16", "hotplug": True}
    return {"name": name, "path": f"/dev/{name}", "type": kind, **common, **more, **other}


def found(*nodes: dict[str, Any]) -> tuple[Disk, ...]:
    return disks_in(json.dumps({"blockdevices": list(nodes)}), sysfs=Path("/nowhere"))


def test_a_card_in_a_reader_may_be_flashed() -> None:
    (disk,) = found(node("sdb", children=[node("sdb1", "part")]))
    assert refusals(disk, RULES) == ()
    assert disk.called == "Maker Reader S1"


USES = {
    "mounted at /media/card": node("sdb1", "part", mountpoints=["/media/card"]),
    "swap": node("sdb1", "part", mountpoints=["[SWAP]"]),
    "part of LVM": node("sdb1", "part", fstype="LVM2_member"),
    "part of a RAID": node("sdb1", "part", fstype="linux_raid_member"),
    "lvm vg-root": node("sdb1", "part", children=[node("vg-root", "lvm")]),
    "the running system": node("sdb1", "part", children=[node("vg-root", "lvm", mountpoints=["/"])]),
    "crypt secret": node("sdb1", "part", children=[node("secret", "crypt")]),
    "raid1 md0": node("sdb1", "part", children=[node("md0", "raid1")]),
}


@pytest.mark.parametrize("use", USES)
def test_a_disk_that_is_used_is_refused_and_the_use_is_named(use: str) -> None:
    (disk,) = found(node("sdb", children=[USES[use]]))
    assert use in disk.uses
    assert f"it is in use: {use}" in [refusal.reason for refusal in refusals(disk, RULES)]


@pytest.mark.parametrize(
    ("other", "said"),
    [
        ({"kind": "part"}, "it is a partition"),
        ({"kind": "rom"}, "no disk but rom"),
        ({"size_bytes": 0}, "there is no card in it"),
        ({"read_only": True}, "write-protected"),
        ({"removable": False, "transport": "nvme"}, "a disk that is built in"),
        ({"kind": "loop", "removable": False, "transport": ""}, "a loop device"),
        ({"size_bytes": 2 * GIB}, "too small"),
        ({"size_bytes": 12_000 * GIB}, "suspiciously large"),
    ],
)
def test_what_is_no_card_for_this_image_is_refused(other: dict[str, Any], said: str) -> None:
    assert any(said in refusal.reason for refusal in refusals(replace(CARD, **other), RULES))


def test_a_person_may_allow_what_is_only_unlikely_and_nothing_else() -> None:
    built_in = replace(CARD, removable=False, transport="sata", size_bytes=3000 * GIB)
    assert len(refusals(built_in, RULES)) == 2
    allowed = replace(RULES, fixed=True, largest_bytes=4000 * GIB)
    assert refusals(built_in, allowed) == ()
    assert refusals(replace(built_in, uses=("the running system",)), allowed) != ()


@pytest.mark.parametrize(
    ("device", "place"),
    [
        (
            "pci0000:00/0000:00:14.0/usb1/1-1/1-1.2/1-1.2:1.0/host6/target6:0:0/6:0:0:1/block/sdc",
            "0000:00:14.0-usb2-1.2:1",
        ),
        ("platform/soc/fd84.usb/usb2/2-3/2-3:1.0/host7/target7:0:0/7:0:0:0/block/sdd", "fd84.usb-usb3-3:0"),
        ("platform/soc/fe340000.mmc/mmc_host/mmc0/mmc0:aaaa/block/mmcblk0", "mmc0"),
        ("pci0000:00/0000:00:17.0/ata3/host2/target2:0:0/2:0:0:0/block/sda", "ata3"),
        ("pci0000:00/0000:00:1d.0/nvme/nvme0/nvme0n1", "nvme0"),
        ("virtual/block/loop7", "loop7"),
    ],
)
def test_a_place_does_not_change_with_the_order_of_plugging_in(device: str, place: str, tmp_path: Path) -> None:
    if "/usb" in device:
        bus = tmp_path / device.partition("/1-" if "usb1" in device else "/2-")[0]
        bus.mkdir(parents=True)
        (bus / "version").write_text(" 2.00\n" if bus.name == "usb1" else " 3.10\n")
    assert place_of(tmp_path / device) == place
