"""Sizes without files: partitions, cards, and what a disk of this machine must hold."""

from __future__ import annotations

from uuid import UUID

from builder.plan.cards import CARDS
from builder.plan.layout import plan_layout
from builder.plan.need import Amount, Store, disks
from builder.plan.sizes import sizes_of
from builder.recipe.disk import Disk
from builder.units import GIB, MIB, SECTOR

SEEN = {"8 GB": 15_118_440, "16 GB": 30_031_250, "32 GB": 60_062_500, "64 GB": 120_164_352, "128 GB": 240_254_976}
"""The smallest that were seen of each class, in sectors; see `CARDS`."""


def disk(*, content: object = "fit", card: int = 7_200_000_000) -> Disk:
    return Disk.model_validate(
        {
            "card": card,
            "partitions": [
                {"name": "esp", "type": "esp", "size": 64 * MIB, "filesystem": "vfat"},
                {"name": "content", "size": content, "filesystem": "ext4", "mount": "/srv/content"},
                {"name": "data", "size": 512 * MIB, "filesystem": "ext4", "mount": "/srv/data", "grow": True},
            ],
        }
    )


def test_sizes_are_those_of_the_layout() -> None:
    for content in (0, 1, 4 * MIB, 4 * MIB + 1, 3 * GIB + 17):
        planned = sizes_of(disk(), {"content": content})
        layout = plan_layout(disk(), needed={"content": content}, seed=UUID(int=0))
        assert planned.image_bytes == layout.size_bytes
        assert [each.size_bytes for each in planned.partitions] == [each.size_bytes for each in layout.partitions]


def test_what_does_not_fit_is_told_and_not_refused() -> None:
    planned = sizes_of(disk(content=10 * MIB, card=500 * MIB), {"content": 11 * MIB})
    assert planned.partition("content").size_bytes == 12 * MIB
    assert planned.partition("content").over_bytes == MIB, "as the build counts: before it is rounded up"
    assert planned.over_bytes == planned.image_bytes - 500 * MIB > 0


def test_a_partition_that_fits_unknown_content_is_uncertain() -> None:
    assert sizes_of(disk(), {}).partition("content").uncertain
    assert not sizes_of(disk(), {"content": 1}).partition("content").uncertain
    assert not sizes_of(disk(content=10 * MIB), {}).partition("content").uncertain


def test_the_smallest_card_is_the_first_that_holds_the_image() -> None:
    for content, name in ((GIB, "8 GB"), (8 * GIB, "16 GB"), (100 * GIB, "128 GB"), (200 * GIB, None)):
        card = sizes_of(disk(), {"content": content}).smallest_card()
        assert (card.name if card else None) == name


def test_cards_are_counted_on_for_less_than_the_smallest_that_was_seen() -> None:
    assert {card.name for card in CARDS} == set(SEEN)
    for card in CARDS:
        assert 0.90 * SEEN[card.name] < card.sectors < SEEN[card.name]
        assert card.size_bytes == card.sectors * SECTOR


def test_the_first_class_is_what_a_recipe_takes_for_granted() -> None:
    assert CARDS[0].size_bytes == Disk.model_fields["card"].default


def test_what_lies_on_one_file_system_adds_up() -> None:
    def store(directory: str, device: int) -> Store:
        return Store(
            directory=directory,
            device=device,
            free_bytes=100,
            amounts=(Amount(what="a", least=40, most=50), Amount(what="b", least=20, most=30)),
        )

    (one,) = disks([store("/cache", 1), store("/dist", 1)])
    assert (one.least, one.most, one.free_bytes, one.over_bytes) == (120, 160, 100, 20)
    assert [each.over_bytes for each in disks([store("/cache", 1), store("/dist", 2)])] == [0, 0]
