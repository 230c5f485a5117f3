"""Partition tables on cards of other sizes, as an independent program reads them."""

from __future__ import annotations

import json
import subprocess
import uuid
from pathlib import Path
from typing import Any

import pytest

from builder.flash.gpt import Gpt, moved_to_end, table_in
from builder.flash.overlay import Patch, lay_over

from .images import table_of

SECTOR = 512
IMAGE = 24 << 20


def image(tmp_path: Path) -> bytes:
    path = tmp_path / "an.img"
    path.write_bytes(bytes(IMAGE))
    table = b'label: gpt\nstart=2048, size=20480, name=one\nstart=24576, name="the second"\n'
    subprocess.run(("sfdisk", "--quiet", path), input=table, check=True)
    return path.read_bytes()


def card_with(tmp_path: Path, data: bytes, size: int, patches: tuple[Patch, ...]) -> Path:
    whole = bytearray(data.ljust(size, b"\0"))
    lay_over(patches, 0, memoryview(whole))
    path = tmp_path / "card"
    path.write_bytes(whole)
    return path


def read(path: Path) -> dict[str, Any]:
    done = subprocess.run(("sfdisk", "--json", path), capture_output=True, text=True, check=True)
    table: dict[str, Any] = json.loads(done.stdout)["partitiontable"]
    return {**table, "partitions": [{**part, "node": ""} for part in table["partitions"]]}


@pytest.mark.parametrize("more", [SECTOR, 10 * SECTOR, 33 * SECTOR, 34 * SECTOR, 8 << 20, (8 << 20) + 3 * SECTOR])
def test_the_table_reaches_to_the_end_of_a_larger_card(more: int, tmp_path: Path) -> None:
    data = image(tmp_path)
    before = read(tmp_path / "an.img")
    card = card_with(
        tmp_path, data, IMAGE + more, moved_to_end(data[: 1 << 20], card_bytes=IMAGE + more, sector=SECTOR)
    )
    said = table_of(card)
    assert "No errors" in said
    assert "not on the end" not in said
    assert "PMBR size mismatch" not in said
    assert read(card) == {**before, "device": str(card), "lastlba": (IMAGE + more) // SECTOR - 34}


def test_the_second_copy_alone_tells_the_same(tmp_path: Path) -> None:
    data = image(tmp_path)
    size = IMAGE + (8 << 20)
    card = card_with(tmp_path, data, size, moved_to_end(data[: 1 << 20], card_bytes=size, sector=SECTOR))
    before = read(card)
    with card.open("r+b") as file:
        file.seek(SECTOR)
        file.write(bytes(33 * SECTOR))
    assert read(card) == before


def test_on_a_card_of_the_same_size_nothing_moves(tmp_path: Path) -> None:
    assert moved_to_end(image(tmp_path)[: 1 << 20], card_bytes=IMAGE, sector=SECTOR) == ()


def first(data: bytes) -> Gpt:
    found = table_in(data[: 1 << 20], at=0, header=1, sector=SECTOR)
    assert found is not None
    return found


def test_a_table_is_read_as_sfdisk_reads_it(tmp_path: Path) -> None:
    data = image(tmp_path)
    parts = read(tmp_path / "an.img")["partitions"]
    assert [
        (each.name, each.extent.start // SECTOR, each.extent.length // SECTOR) for each in first(data).partitions
    ] == [(part["name"], part["start"], part["size"]) for part in parts]
    last = IMAGE // SECTOR - 1
    second = table_in(data[-(1 << 20) :], at=last + 1 - 2048, header=last, sector=SECTOR)
    assert second is not None
    assert second.as_first() == first(data)


def test_another_guid_changes_nothing_else(tmp_path: Path) -> None:
    data = image(tmp_path)
    before, guid = read(tmp_path / "an.img"), uuid.uuid4()
    card = card_with(tmp_path, data, IMAGE, first(data).with_guid(guid).patches())
    assert "No errors" in table_of(card)
    assert read(card) == {**before, "id": str(guid).upper(), "device": str(card)}


@pytest.mark.parametrize("at", [SECTOR, SECTOR + 60, 2 * SECTOR + 5])
def test_a_damaged_table_is_none(at: int, tmp_path: Path) -> None:
    data = bytearray(image(tmp_path))
    data[at] ^= 1
    assert table_in(bytes(data[: 1 << 20]), at=0, header=1, sector=SECTOR) is None
