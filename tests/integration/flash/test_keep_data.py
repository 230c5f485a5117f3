"""A device in use gets a new system: what is valuable stays to the last byte, whatever goes wrong meanwhile."""

from __future__ import annotations

import json
import subprocess
import threading
import uuid
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from builder.disk.extents import data_extents, in_blocks
from builder.errors import FlashRefused
from builder.flash.chunk import chunks_of
from builder.flash.compare import is_zero
from builder.flash.journey import Order, rehearse, travel
from builder.flash.keeping import Keeping, keeping_of
from builder.flash.medium import MediumError
from builder.flash.plain_file import PlainFile
from builder.flash.pulse import Pulse
from builder.flash.source.spool import Room, Spool
from builder.manifest import DiskRecord, PartitionRecord
from builder.recipe.disk import DataClass, Subvolume

from .images import table_of

MIB = 1 << 20
IMAGE, CARD = 32 * MIB, 48 * MIB
GUID = uuid.UUID("6984bdc6-9614-5245-900c-ca24c3e5742a")
TABLE = f"""label: gpt
label-id: {GUID}
start=8192, size=8192, name=esp, type=C12A7328-F81F-11D2-BA4B-00A0C93EC93B
start=16384, size=16384, name=root
start=32768, size=16384, name=data
"""


def record(number: int, name: str, start: int, size: int, **other: Any) -> PartitionRecord:
    facts: dict[str, Any] = {
        "number": number,
        "name": name,
        "type": "linux",
        "guid": str(uuid.uuid4()),
        "start_bytes": start * 512,
        "size_bytes": size * 512,
        "filesystem": None,
        "filesystem_uuid": None,
        "label": None,
        "mount": f"/{name}",
        "options": (),
        "data": DataClass.SYSTEM,
        "grow": False,
        "subvolumes": (),
    }
    return PartitionRecord(**{**facts, **other})


DISK = DiskRecord(
    table="gpt",
    guid=str(GUID),
    size_bytes=IMAGE,
    partitions=(
        record(1, "esp", 8192, 8192, type="esp"),
        record(2, "root", 16384, 16384),
        record(3, "data", 32768, 16384, data=DataClass.VALUABLE, grow=True),
    ),
)


def make(path: Path, mark: bytes) -> Path:
    """An image in which every partition is full of one letter."""
    with path.open("wb") as file:
        file.write(b"\x90" * 440)
        file.truncate(IMAGE)
        for start, size in ((8192, 8192), (16384, 16384), (32768, 4096)):
            file.seek(start * 512)
            file.write(mark * (size * 512))
    subprocess.run(("sfdisk", "--quiet", path), input=TABLE, text=True, check=True)
    return path


def order(image: Path, **other: Any) -> Order:
    file = PlainFile(image)
    descriptor = file._descriptor
    chunks = tuple(chunks_of(in_blocks(data_extents(descriptor), block=4096)))
    spool = Spool(Room(descriptor=descriptor), chunks, size_bytes=IMAGE)
    for chunk in chunks:
        content = memoryview(bytearray(chunk.length))
        spool.read(chunk.offset, content)
        spool.publish(chunk, zero=is_zero(content))
    return Order(spool=spool, probe=False, **other)


def flash(card: PlainFile, what: Order) -> None:
    travel(card, what, Pulse(), cancelled=threading.Event())


@pytest.fixture
def device(tmp_path: Path) -> Path:
    """A card as it is after years: its last partition has grown, its ids are its own, and there is data."""
    path = tmp_path / "card"
    flash(PlainFile(path, size_bytes=CARD), order(make(tmp_path / "old.img", b"o")))
    for command in (("--disk-id", path, str(uuid.uuid4())), ("--part-uuid", path, "3", str(uuid.uuid4()))):
        subprocess.run(("sfdisk", "--quiet", *command), check=True)
    subprocess.run(("sfdisk", "--quiet", "--no-reread", "-N", "3", path), input=", +", text=True, check=True)
    with path.open("r+b") as file:
        file.seek(32768 * 512)
        file.write(b"learners" * (2 * MIB))
    return path


def table(path: Path) -> dict[str, Any]:
    done = subprocess.run(("sfdisk", "--json", path), capture_output=True, text=True, check=True)
    found: dict[str, Any] = json.loads(done.stdout)["partitiontable"]
    return found


def data_of(path: Path) -> bytes:
    part = table(path)["partitions"][2]
    with path.open("rb") as file:
        file.seek(part["start"] * 512)
        return file.read(part["size"] * 512)


@pytest.mark.parametrize("changed_only", [False, True])
def test_system_is_new_and_data_is_as_it_was(changed_only: bool, device: Path, tmp_path: Path) -> None:
    before, data = table(device), data_of(device)
    new = make(tmp_path / "new.img", b"n")
    flash(PlainFile(device), order(new, keeping=keeping_of(DISK), changed_only=changed_only))
    assert data_of(device) == data
    whole = device.read_bytes()
    assert whole[8192 * 512 : 32768 * 512] == b"n" * (24576 * 512)
    assert whole[:440] == b"\x90" * 440
    after = table(device)
    assert after == {**before, "id": str(GUID).upper()}, "the image's id asks for new ones, and all else stays"
    assert "No errors" in table_of(device)
    with device.open("r+b") as file:
        file.seek(512)
        file.write(bytes(512))
    assert table(device) == after, "the second copy alone tells the same"


class Breaking(PlainFile):
    """A card on which writing fails from some byte on."""

    at = 0

    def write(self, offset: int, data: memoryview) -> None:
        if offset >= self.at:
            raise MediumError("write", "broken", offset=offset)
        super().write(offset, data)


def test_a_flash_that_was_broken_off_does_not_start_and_can_be_ended(device: Path, tmp_path: Path) -> None:
    data, keeping = data_of(device), keeping_of(DISK)
    new = make(tmp_path / "new.img", b"n")
    card = Breaking(device)
    card.at = 20000 * 512
    with pytest.raises(MediumError, match="broken"):
        flash(card, order(new, keeping=keeping))
    whole = device.read_bytes()
    assert not any(whole[: 34 * 512]), "neither boot code nor table"
    assert not any(whole[8192 * 512 : 8192 * 512 + 4096]), "the second table leads to no boot loader"
    flash(PlainFile(device), order(new, keeping=keeping))
    assert data_of(device) == data
    assert device.read_bytes()[8192 * 512 : 32768 * 512] == b"n" * (24576 * 512)


OTHERS = {
    "there is no partition 3": ("--delete", "3"),
    "is called other": ("--part-label", "2", "other"),
}


@pytest.mark.parametrize("said", OTHERS)
def test_a_card_of_another_image_is_refused_and_not_touched(said: str, device: Path, tmp_path: Path) -> None:
    command, *words = OTHERS[said]
    subprocess.run(("sfdisk", "--quiet", command, device, *words), check=True)
    before = device.read_bytes()
    with pytest.raises(MediumError, match=said):
        flash(PlainFile(device), order(make(tmp_path / "new.img", b"n"), keeping=keeping_of(DISK)))
    assert device.read_bytes() == before


def test_a_card_of_another_image_is_found_out_before_anybody_is_asked(device: Path, tmp_path: Path) -> None:
    what = order(make(tmp_path / "new.img", b"n"), keeping=keeping_of(DISK))
    rehearse(PlainFile(device), what)
    subprocess.run(("sfdisk", "--quiet", "--part-label", device, "2", "other"), check=True)
    before = device.read_bytes()
    with pytest.raises(MediumError, match="is called other"):
        rehearse(PlainFile(device), what)
    assert device.read_bytes() == before


def test_a_card_without_a_table_is_refused(tmp_path: Path) -> None:
    card = PlainFile(tmp_path / "card", size_bytes=CARD)
    with pytest.raises(MediumError, match="no partition table"):
        flash(card, order(make(tmp_path / "new.img", b"n"), keeping=keeping_of(DISK)))


def test_a_partition_that_grew_and_must_not_is_another_one(device: Path, tmp_path: Path) -> None:
    fixed = DISK.model_copy(
        update={"partitions": (*DISK.partitions[:2], DISK.partitions[2].model_copy(update={"grow": False}))}
    )
    with pytest.raises(MediumError, match="partition data has"):
        flash(PlainFile(device), order(make(tmp_path / "new.img", b"n"), keeping=keeping_of(fixed)))


def disk_with(*partitions: PartitionRecord) -> DiskRecord:
    return DISK.model_copy(update={"partitions": partitions})


def test_an_image_that_mixes_what_is_valuable_with_what_is_replaced_keeps_nothing() -> None:
    both = (
        Subvolume(name="@", mount="/", data=DataClass.SYSTEM),
        Subvolume(name="@home", mount="/home", data=DataClass.VALUABLE),
    )
    mixed = record(1, "root", 8192, 8192, subvolumes=both)
    with pytest.raises(FlashRefused, match="/home is valuable, and lies in the partition root"):
        keeping_of(disk_with(mixed, DISK.partitions[2]))
    with pytest.raises(FlashRefused, match="no partition for what is valuable"):
        keeping_of(disk_with(*DISK.partitions[:2]))


def test_a_partition_of_nothing_but_valuable_subvolumes_is_kept() -> None:
    valuable = Subvolume(name="@data", mount="/data", data=DataClass.VALUABLE)
    keeping: Keeping = keeping_of(disk_with(DISK.partitions[1], record(3, "d", 32768, 8, subvolumes=(valuable,))))
    assert [each.name for each in keeping.kept] == ["d"]
    assert [each.name for each in replace(keeping).replaced] == ["root"]
