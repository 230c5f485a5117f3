"""The layout: everything inside the disk, in order, aligned; what does not fit is explained in sizes and names."""

from __future__ import annotations

import re
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from builder.errors import PlanError
from builder.plan.layout import GPT_SECTORS, plan_layout, render
from builder.recipe.disk import Disk, Partition
from builder.units import ALIGNMENT, GIB, MIB, SECTOR

SEED = UUID("6f0c52a5-2f8e-4d5a-9b1e-0d4a3f0b8c11")
NEVER_FULL = 10**18


def disk(*partitions: dict[str, object], card: int = NEVER_FULL) -> Disk:
    return Disk.model_validate({"partitions": [*partitions], "card": card})


ESP: dict[str, object] = {"name": "esp", "type": "esp", "size": "256MiB", "filesystem": "vfat", "mount": "/boot/efi"}
ROOT: dict[str, object] = {"name": "root", "size": "3GiB", "filesystem": "btrfs", "mount": "/"}
CONTENT: dict[str, object] = {"name": "content", "size": "fit", "filesystem": "ext4", "mount": "/srv/content"}

sizes = st.integers(min_value=1, max_value=200 * GIB)
optional = st.none() | sizes


@st.composite
def wanted(draw: st.DrawFn) -> tuple[Disk, dict[str, int]]:
    partitions: list[Partition] = []
    needed: dict[str, int] = {}
    for number in range(draw(st.integers(1, 8))):
        name = f"part-{number}"
        if draw(st.booleans()):
            needed[name] = draw(st.integers(0, 200 * GIB))
            partitions.append(Partition(name=name, size="fit", free=draw(optional), min=draw(optional)))
        else:
            partitions.append(Partition(name=name, size=draw(sizes)))
    return Disk(partitions=tuple(partitions), card=NEVER_FULL), needed


@given(wanted())
def test_partitions_are_aligned_in_order_and_inside(case: tuple[Disk, dict[str, int]]) -> None:
    recipe, needed = case
    layout = plan_layout(recipe, needed=needed, seed=SEED)
    end = (1 + GPT_SECTORS) * SECTOR
    for number, (placed, asked) in enumerate(zip(layout.partitions, recipe.partitions, strict=True), start=1):
        assert (placed.number, placed.name) == (number, asked.name)
        assert placed.start_bytes % ALIGNMENT == placed.size_bytes % ALIGNMENT == 0
        assert placed.start_bytes >= end
        end = placed.end_bytes
        fitted = max(needed.get(asked.name, 0) + (asked.free or 0), asked.min or 0)
        smallest = fitted if asked.size == "fit" else asked.size
        assert smallest <= placed.size_bytes < smallest + ALIGNMENT or placed.size_bytes == ALIGNMENT
    assert layout.size_bytes - end >= GPT_SECTORS * SECTOR
    assert layout.size_bytes - end <= ALIGNMENT
    assert layout.size_bytes % ALIGNMENT == 0


def test_every_name_comes_from_the_seed_and_the_partition() -> None:
    layout = plan_layout(disk(ESP, ROOT), needed={}, seed=SEED)
    assert layout == plan_layout(disk(ESP, ROOT), needed={}, seed=SEED)
    with_content = plan_layout(disk(ESP, CONTENT, ROOT), needed={"content": 5}, seed=SEED)
    assert with_content.partition("root").guid == layout.partition("root").guid
    assert with_content.partition("root").filesystem_uuid == layout.partition("root").filesystem_uuid
    other = plan_layout(disk(ESP, ROOT), needed={}, seed=UUID(int=1))
    guids = [layout.disk_guid, other.disk_guid]
    guids += [partition.guid for both in (layout, other) for partition in both.partitions]
    assert len(set(guids)) == len(guids)


def test_a_vfat_has_a_serial_number_and_the_others_a_uuid() -> None:
    layout = plan_layout(disk(ESP, ROOT), needed={}, seed=SEED)
    serial, uuid = (partition.filesystem_uuid for partition in layout.partitions)
    assert re.fullmatch(r"[0-9A-F]{4}-[0-9A-F]{4}", str(serial))
    assert str(UUID(uuid)) == uuid


def test_content_that_does_not_fit_its_partition_names_both_sizes() -> None:
    with pytest.raises(PlanError) as caught:
        plan_layout(disk(ESP, ROOT), needed={"root": 3 * GIB + 100 * MIB}, seed=SEED)
    assert str(caught.value) == (
        "partition root has 3.0 GiB, but what goes into it needs 3.1 GiB: 100.0 MiB too much\n"
        "hint: give partition root at least 3172MiB"
    )


def test_a_disk_that_does_not_fit_its_card_says_which_partition_to_shrink() -> None:
    with pytest.raises(PlanError) as caught:
        plan_layout(disk(ESP, ROOT, CONTENT, card=4 * 10**9), needed={"root": GIB, "content": 700 * MIB}, seed=SEED)
    assert caught.value.message == (
        "the image needs 3.9 GiB (4,232,052,736 bytes), but the smallest card has 3.7 GiB (4,000,000,000 bytes): "
        "221.3 MiB too much"
    )
    assert "content" in str(caught.value.details)
    assert caught.value.hint == "make partition root 224.0 MiB smaller (size: 2848MiB), or raise disk.card"
    plan_layout(
        disk(ESP, {**ROOT, "size": "2848MiB"}, CONTENT, card=4 * 10**9),
        needed={"root": GIB, "content": 700 * MIB},
        seed=SEED,
    )


def test_too_much_content_is_not_blamed_on_a_small_partition() -> None:
    with pytest.raises(PlanError) as caught:
        plan_layout(disk(ESP, CONTENT, card=4 * 10**9), needed={"esp": 200 * MIB, "content": 60 * GIB}, seed=SEED)
    assert str(caught.value.hint).startswith("preload less content")


def test_a_card_that_holds_the_image_exactly_is_large_enough() -> None:
    size = plan_layout(disk(ESP, ROOT), needed={}, seed=SEED).size_bytes
    assert plan_layout(disk(ESP, ROOT, card=size), needed={}, seed=SEED).size_bytes == size
    with pytest.raises(PlanError):
        plan_layout(disk(ESP, ROOT, card=size - 1), needed={}, seed=SEED)


def test_the_table_for_people() -> None:
    growing = {"name": "data", "size": "512MiB", "filesystem": "ext4", "mount": "/srv/data", "grow": True}
    layout = plan_layout(
        disk({"name": "bios", "type": "bios-boot", "size": "4MiB"}, ESP, {**growing, "data": "valuable"}),
        needed={},
        seed=SEED,
    )
    assert render(layout).splitlines() == [
        "#  name      start         size  file system  mount      data",
        "1  bios    4.0 MiB      4.0 MiB  bios-boot               system",
        "2  esp     8.0 MiB    256.0 MiB  vfat         /boot/efi  system",
        "3  data  264.0 MiB  512.0 MiB +  ext4         /srv/data  valuable",
        "image: 780.0 MiB; + grows to the end of the card",
    ]
