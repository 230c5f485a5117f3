"""The scripts that give a disk ids of its own: the very ones of the device, on plain files, and the power goes."""

from __future__ import annotations

import os
import struct
from pathlib import Path

import pytest
from device import disk_ids
from device.errors import DeviceError
from firstboot.steps import grow
from firstboot.steps.grow import Partition

from builder.errors import CommandFailed
from builder.host.sandbox import Mount
from tests.integration.device.own_disk import LARGER, LIBRARY, SYSTEMS, Card, flash, interrupt_change, leave_log
from tests.integration.disk.disk_bench import Bench

pytestmark = pytest.mark.in_namespace


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path)


def unchanged(before: dict[str, str], after: dict[str, str]) -> set[str]:
    assert before.keys() == after.keys()
    return {name for name in before if before[name] == after[name]}


def test_everything_gets_an_id_and_nothing_else_changes(bench: Bench) -> None:
    card = flash(bench)
    ids, table, code = card.ids(), card.table(), card.disk.read_bytes()[:440]
    clone = card.again("clone")
    card.start(ids["disk"])
    clone.start(ids["disk"])
    assert unchanged(ids, card.ids()) == unchanged(card.ids(), clone.ids()) == set()
    card.check()
    after = card.table()
    assert [{**part, "uuid": ""} for part in after["partitions"]] == [
        {**part, "uuid": ""} for part in table["partitions"]
    ]
    assert after["firstlba"] == table["firstlba"]
    assert card.disk.read_bytes()[:440] == code


def test_a_new_uuid_costs_an_ext4_only_its_superblocks(bench: Bench) -> None:
    card = flash(bench)
    before = {name: (card.directory / name).read_bytes() for name in ("content", "data")}
    card.start(card.ids()["disk"])
    for name, old in before.items():
        new = (card.directory / name).read_bytes()
        changed = [at for at in range(0, len(old), 4096) if old[at : at + 4096] != new[at : at + 4096]]
        assert 1 <= len(changed) <= 2, "of 128 MiB, one group and the copy in the next one at most"


def test_a_disk_with_ids_of_its_own_is_not_touched(bench: Bench) -> None:
    card = flash(bench)
    image = card.ids()["disk"]
    card.start(image)
    before = {name: (card.directory / name).read_bytes() for name in ("disk", *SYSTEMS)}
    assert [line.partition(" ")[0] for line in card.start(image)] == ["sfdisk"]
    assert {name: (card.directory / name).read_bytes() for name in before} == before


def test_a_power_cut_before_any_program_only_means_that_the_next_start_ends_it(bench: Bench) -> None:
    flashed = flash(bench)
    image = flashed.ids()
    whole = flashed.again("whole").start(image["disk"])
    assert {line.partition(" ")[0] for line in whole} >= {"btrfstune", "tune2fs", "fatlabel", "sfdisk"}
    written = max(number for number, line in enumerate(whole) if line.startswith("sfdisk"))
    for cut in range(len(whole)):
        card = flashed.again("cut")
        assert len(card.start(image["disk"], cut=cut)) == cut + 1
        card.check_systems()
        assert (card.ids()["disk"] == image["disk"]) == (cut <= written), whole[cut]
        card.start(image["disk"])
        assert unchanged(image, card.ids()) == set(), whole[cut]
        card.check()


@pytest.mark.parametrize("copies", [(0x10000,), (0x10000, 0x4000000)])
def test_a_btrfs_whose_change_was_cut_off_is_ended_and_still_gets_an_id(bench: Bench, copies: tuple[int, ...]) -> None:
    card = flash(bench)
    image = card.ids()
    interrupt_change(card.directory / "root", copies=copies)
    card.start(image["disk"])
    assert unchanged(image, card.ids()) == set()
    assert "CHANGING" not in bench.look(
        "btrfs", "inspect-internal", "dump-super", "-a", "/job/at", at=card.directory / "root"
    )
    card.check()


def test_a_btrfs_with_a_log_that_cannot_be_worked_off_is_left_alone(bench: Bench) -> None:
    """Nothing can be mounted in the sandbox; on a device the mount succeeds."""
    card = flash(bench)
    image = card.ids()
    leave_log(card.directory / "root")
    before = (card.directory / "root").read_bytes()
    with pytest.raises(CommandFailed):
        card.start(image["disk"])
    assert (card.directory / "root").read_bytes() == before
    assert card.ids()["disk"] == image["disk"], "so that the next start tries again"


@pytest.mark.parametrize("torn", [range(512, 2048), range(4096)])
def test_a_btrfs_whose_first_superblock_was_torn_gets_it_back(bench: Bench, torn: range) -> None:
    card = flash(bench)
    root = card.directory / "root"
    before = root.read_bytes()
    card.mend()
    assert root.read_bytes() == before, "a whole one is not touched"
    with root.open("r+b") as file:
        file.seek(0x10000 + torn.start)
        file.write(bytes(len(torn)))
    with pytest.raises(CommandFailed):
        card.check_systems()
    card.mend()
    card.check_systems()
    image = card.ids()
    card.start(image["disk"])
    assert unchanged(image, card.ids()) == set()
    card.check()


@pytest.mark.parametrize("old", [range(1024, 1536), range(1536, 2048)], ids=["begin", "end"])
@pytest.mark.parametrize("name", ["content", "data"])
def test_an_ext4_whose_superblock_was_torn_gets_its_checksum(bench: Bench, name: str, old: range) -> None:
    card = flash(bench)
    image, path = card.ids(), card.directory / name
    before = path.read_bytes()
    card.mend()
    assert path.read_bytes() == before, "a whole one is not touched"
    card.start(image["disk"])
    with path.open("r+b") as file:
        file.seek(old.start)
        file.write(before[old.start : old.stop])
    with pytest.raises(CommandFailed):
        card.check_systems()
    card.mend()
    card.check()
    given = card.ids()
    assert (given[f"file system {name}"] == image[f"file system {name}"]) == (old.start == 1024)
    card.start(given["disk"])
    assert unchanged(image, card.ids()) == set()
    card.check()


def test_a_superblock_that_is_no_more_is_told_and_the_others_are_mended(bench: Bench) -> None:
    card = flash(bench)
    card.start(card.ids()["disk"])
    with (card.directory / "content").open("r+b") as file:
        file.write(bytes(4096))
    with (card.directory / "data").open("r+b") as file:
        file.seek(1024 + 0x68)
        file.write(bytes(16))
    with pytest.raises(CommandFailed):
        card.mend()
    card.bench.look("e2fsck", "-fn", "/job/at", at=card.directory / "data")


@pytest.mark.parametrize("new", ["first", "second"])
def test_a_table_of_which_one_copy_is_new_is_one_of_both(bench: Bench, new: str) -> None:
    card = flash(bench)
    image = card.ids()
    # As on a device that did all of it before and then forgot: both copies of the table lie where the new ones will.
    card.start(image["disk"])
    earlier = card.ids()
    old = card.again("old")
    card.start(earlier["disk"])
    end = card.disk.stat().st_size - 33 * 512
    with card.disk.open("r+b") as to, old.disk.open("rb") as source:
        place, size = (end, 33 * 512) if new == "first" else (0, 34 * 512)
        source.seek(place)
        to.seek(place)
        to.write(source.read(size))
    assert (card.ids()["disk"] == earlier["disk"]) == (new == "second")
    card.start(earlier["disk"])
    assert unchanged(earlier, card.ids()) == set()


def test_the_last_partition_grows_afterwards(bench: Bench) -> None:
    card = flash(bench)
    card.start(card.ids()["disk"])
    ids, before = card.ids(), card.table()
    size = card.disk.stat().st_size
    grow.grow_partition(Partition(disk=card.disk, node=Path("/nowhere"), number=5, disk_bytes=size))
    after = card.table()
    assert card.ids() == ids
    assert after["partitions"][4]["size"] - before["partitions"][4]["size"] >= (LARGER - (2 << 20)) // 512
    card.check()


def test_the_mbr_goes_on_showing_the_firmware_of_a_raspberry_pi(bench: Bench) -> None:
    card = flash(bench)
    esp = card.table()["partitions"][1]
    entry = struct.Struct("<xBBBBBBBII")
    mbr = entry.pack(254, 255, 255, 0x0C, 254, 255, 255, esp["start"], esp["size"])
    mbr += entry.pack(0, 2, 0, 0xEE, 254, 255, 255, 1, esp["start"] - 1) + bytes(32) + b"\x55\xaa"
    with card.disk.open("r+b") as file:
        file.seek(446)
        file.write(mbr)
    image = card.ids()
    card.start(image["disk"])
    size = card.disk.stat().st_size
    grow.grow_partition(Partition(disk=card.disk, node=Path("/nowhere"), number=5, disk_bytes=size))
    assert unchanged(image, card.ids()) == set()
    assert card.disk.read_bytes()[446:512] == mbr
    card.check()


def test_a_disk_that_forgot_its_ids_gets_others(bench: Bench) -> None:
    card = flash(bench)
    image = card.ids()
    card.start(image["disk"])
    own = card.ids()
    with pytest.raises(DeviceError):
        disk_ids.forget(card.disk, "root=UUID=0ff1ce")
    assert card.ids() == own
    disk_ids.forget(card.disk, f"quiet satchel.image={image['disk']}\n")
    assert card.ids() == {**own, "disk": image["disk"]}
    card.start(image["disk"])
    assert unchanged(image, card.ids()) == unchanged(own, card.ids()) == set()


def test_the_device_reports_the_ids_that_are_on_the_disk(bench: Bench) -> None:
    card = flash(bench)
    (bench.directory / "dev").mkdir()
    for name in SYSTEMS:
        own = bench.directory / f"sys/class/block/disk/{name}"
        own.mkdir(parents=True)
        (own / "uevent").write_text(f"DEVNAME={name}\nPARTNAME={name}\n")
        os.link(card.directory / name, bench.directory / "dev" / name)
    found = disk_ids.read(card.disk, bench.directory / "sys", bench.directory / "dev")
    reported = {f"partition {name}": guid for name, guid in found.partition_guids.items()}
    reported |= {f"file system {name}": uuid for name, uuid in found.filesystem_uuids.items()}
    assert {"disk": found.disk_guid, **reported} == card.ids()


class Machine:
    """What the kernel shows of some disks, and the disks."""

    def __init__(self, bench: Bench, card: Card) -> None:
        self._bench = bench
        self._card = card
        self._sys, self._dev = bench.directory / "sys", bench.directory / "dev"
        self._dev.mkdir()
        self._partitions = bench.directory / "partitions"
        rows = enumerate(card.table()["partitions"], start=1)
        kinds = {"esp": "esp vfat", "root": "root btrfs"}
        self._partitions.write_text(
            "".join(f"{number} {part['name']} {kinds.get(part['name'], 'other ext4')}\n" for number, part in rows)
        )

    def insert(self, name: str, card: Card | None = None, *, without: str = "") -> None:
        place = self._sys / "block" / name
        place.mkdir(parents=True)
        (place / "uevent").write_text(f"MAJOR=8\nMINOR=0\nDEVNAME={name}\nDEVTYPE=disk\n")
        card = card or self._card
        os.link(card.disk, self._dev / name)
        for number, part in enumerate(card.table()["partitions"], start=1):
            if part["name"] != without:
                own = place / f"{name}{number}"
                own.mkdir()
                text = f"DEVNAME={name}{number}\nDEVTYPE=partition\nPARTN={number}\nPARTNAME={part['name']}\n"
                (own / "uevent").write_text(text)

    def choose(self, esp: str = "") -> str:
        names = {"/job/sys": self._sys, "/job/dev": self._dev, "/job/own-disk": LIBRARY}
        mounts = [Mount(target=target, source=source) for target, source in names.items()]
        mounts.append(Mount(target="/job/partitions", source=self._partitions))
        sandbox = self._bench.tools.sandbox(*mounts)
        chosen = sandbox.run(
            ("sh", "/job/own-disk/choose", "/job/sys", "/job/dev", esp),
            why="choose a disk",
            env={"SATCHEL_PARTITIONS": "/job/partitions"},
            accept=(0, 1),
        )
        return chosen.strip().removeprefix("/job/sys/block/")


def esp_of(card: Card) -> str:
    return str(card.table()["partitions"][1]["uuid"])


def test_the_disk_that_was_booted_from_is_the_one(bench: Bench) -> None:
    card = flash(bench)
    own = card.again("own")
    own.start(card.ids()["disk"])
    machine = Machine(bench, card)
    machine.insert("nvme0n1", without="root")
    assert machine.choose() == ""
    machine.insert("sdb", own, without="data")
    assert machine.choose() == machine.choose(esp_of(own)) == "sdb"
    assert machine.choose(esp_of(card)) == "", "it has not come yet"
    machine.insert("sdc")
    assert machine.choose(esp_of(card)) == "sdc"
    assert machine.choose(esp_of(own)) == machine.choose() == "sdb"
