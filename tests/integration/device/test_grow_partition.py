"""A partition grows on a larger disk: real sfdisk on a plain file, as on the device."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest
from device import commands
from device.errors import DeviceError
from firstboot.steps import grow
from firstboot.steps.grow import Partition

from builder.host.sandbox import Mount
from builder.host.tools import ensure_lab
from builder.plan.cards import CARDS, CardClass
from builder.progress import Reporter

MIB = 1024 * 1024
TABLE = """label: gpt
label-id: 5A7C4E10-0000-4000-8000-00000000C0DE
unit: sectors
start=8192, size=8192, type=21686148-6449-6E6F-744E-656564454649, name=bios
start=16384, size=65536, type=U, name=esp
start=81920, size=262144, type=L, name=data, uuid=0F1E2D3C-0000-4000-8000-0000000000AB, attrs="GUID:59"
"""


@pytest.fixture
def disk(tmp_path: Path) -> Path:
    """An image of 176 MiB, written to a card of 1 GiB and a bit."""
    path = tmp_path / "card"
    path.touch()
    os.truncate(path, 176 * MIB)
    subprocess.run(("sfdisk", "--quiet", path), input=TABLE, text=True, check=True)
    os.truncate(path, 1024 * MIB + 512 * 12345)
    return path


def partition(disk: Path) -> Partition:
    return Partition(disk=disk, node=Path("/nowhere"), number=3, disk_bytes=disk.stat().st_size)


def read(disk: Path) -> dict[str, Any]:
    done = subprocess.run(("sfdisk", "--json", disk), capture_output=True, text=True, check=True)
    table: dict[str, Any] = json.loads(done.stdout)["partitiontable"]
    return table


def verify(disk: Path) -> str:
    done = subprocess.run(("sfdisk", "--verify", disk), capture_output=True, text=True, check=True)
    return done.stdout + done.stderr


def test_only_the_size_of_the_last_partition_changes(disk: Path) -> None:
    before = read(disk)
    grow.grow_partition(partition(disk))
    after = read(disk)
    old, new = before["partitions"].pop(), after["partitions"].pop()
    assert new["size"] > old["size"]
    assert {**new, "size": old["size"]} == old
    assert after["partitions"] == before["partitions"]
    assert after["id"] == before["id"]
    assert after["lastlba"] == disk.stat().st_size // 512 - 34
    assert after["lastlba"] - (new["start"] + new["size"] - 1) < 2048
    assert "mismatch" not in verify(disk)


@pytest.mark.parametrize("card", CARDS, ids=lambda card: card.name)
def test_a_partition_grows_to_the_end_of_every_card_that_is_sold(disk: Path, card: CardClass) -> None:
    os.truncate(disk, card.size_bytes)
    grow.grow_partition(partition(disk))
    grown = read(disk)["partitions"][-1]
    assert 0 <= card.size_bytes - 34 * 512 - (grown["start"] + grown["size"]) * 512 < 2 * MIB
    assert "mismatch" not in verify(disk)


@pytest.mark.in_namespace
def test_an_ext4_of_an_image_grows_to_the_largest_card(tmp_path: Path) -> None:
    """As data has it on a card: blocks of 4 KiB, and an id that may change without writing all of it anew."""
    data = tmp_path / "data"
    data.touch()
    os.truncate(data, 512 * MIB)
    at = ensure_lab(Reporter()).sandbox(Mount(target="/job/own", source=tmp_path, writable=True))
    make = ("mke2fs", "-q", "-t", "ext4", "-b", "4096", "-O", "metadata_csum_seed", "/job/own/data")
    at.run(make, why="make an ext4")
    os.truncate(data, CARDS[-1].size_bytes)
    at.run(("resize2fs", "/job/own/data"), why="grow the file system")
    at.run(("e2fsck", "-fn", "/job/own/data"), why="check it")
    count = f"Block count:              {CARDS[-1].size_bytes // 4096}\n"
    assert count in at.run(("dumpe2fs", "-h", "/job/own/data"), why="see how large it is")


def test_again_changes_nothing(disk: Path) -> None:
    grow.grow_partition(partition(disk))
    once = disk.read_bytes()
    grow.grow_partition(partition(disk))
    assert disk.read_bytes() == once


@pytest.mark.parametrize("command", [1, 2])
def test_cut_off_before_any_command(disk: Path, monkeypatch: pytest.MonkeyPatch, command: int) -> None:
    class PowerCut(BaseException):
        pass

    count = 0

    def run(argv: tuple[str, ...], **options: Any) -> str:
        nonlocal count
        if count == command:
            raise PowerCut
        count += 1
        return commands.run(argv, **options)

    with monkeypatch.context() as patch:
        patch.setattr(grow, "run_command", run)
        with pytest.raises(PowerCut):
            grow.grow_partition(partition(disk))
    grow.grow_partition(partition(disk))
    assert read(disk)["partitions"][2]["size"] > 262144
    assert "mismatch" not in verify(disk)


def test_a_lost_primary_table_is_no_obstacle(disk: Path) -> None:
    """As after a power cut while sfdisk wrote the first copy."""
    grow.grow_partition(partition(disk))
    whole = read(disk)["partitions"]
    with disk.open("r+b") as file:
        file.seek(512)
        file.write(b"\xff" * 92)
    grow.grow_partition(partition(disk))
    assert read(disk)["partitions"] == whole


def test_a_disk_of_the_image_s_own_size_is_left_alone(disk: Path) -> None:
    os.truncate(disk, 176 * MIB)
    before = disk.read_bytes()
    grow.grow_partition(partition(disk))
    assert disk.read_bytes() == before


def test_no_table_is_an_error_with_advice(tmp_path: Path) -> None:
    empty = tmp_path / "empty"
    empty.touch()
    os.truncate(empty, 64 * MIB)
    with pytest.raises(DeviceError, match="read the partition table"):
        grow.grow_partition(partition(empty))
