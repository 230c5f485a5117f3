"""One card from its first byte to its seal, and every way in which it can fail."""

from __future__ import annotations

import threading
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from builder.disk.extents import Extent
from builder.errors import ArtifactError
from builder.flash.chunk import CHUNK
from builder.flash.journey import Order, Verify, compare, travel
from builder.flash.medium import MediumError
from builder.flash.overlay import Patch
from builder.flash.pulse import Interrupted, Phase, Pulse
from builder.units import MIB

from .media import Card, patterned, spool_of

IMAGE = patterned(9 * MIB + 512)
SIZE = 16 * MIB


@pytest.fixture
def order(tmp_path: Path) -> Order:
    return Order(spool=spool_of(IMAGE, tmp_path))


def go(card: Card, order: Order, *, seed: bytes | None = None, pulse: Pulse | None = None) -> Pulse:
    pulse = pulse or Pulse()
    travel(card, order, pulse, cancelled=threading.Event(), give=lambda: seed)
    return pulse


def starts(card: Card) -> bool:
    """Whether the beginning of the image is on a card."""
    return bytes(card.data[:512]) == IMAGE[:512]


def test_the_image_is_on_the_card_and_its_end_is_wiped(order: Order) -> None:
    card = Card(SIZE)
    pulse = go(card, order)
    assert bytes(card.data[: len(IMAGE)]) == IMAGE
    assert not any(card.data[SIZE - MIB :])
    assert card.data[len(IMAGE) + 4096 * 100] != 0, "the rest is left as it was"
    assert pulse.phase is Phase.DONE


def test_wiping_leaves_nothing_of_what_was_there(order: Order) -> None:
    card = Card(SIZE)
    go(card, replace(order, wipe=True))
    assert not any(card.data[len(IMAGE) :])


def test_wiping_begins_behind_the_last_block_of_an_image_that_does_not_fill_it(tmp_path: Path) -> None:
    card, image = Card(SIZE), IMAGE[:-100]
    go(card, Order(spool=spool_of(image, tmp_path), wipe=True))
    assert bytes(card.data[: len(image)]) == image
    assert not any(card.data[len(image) :])


def looked_at(card: Card, order: Order, **other: Any) -> None:
    compare(card, order, Pulse(), cancelled=threading.Event(), **other)


def test_a_card_is_compared_and_nothing_is_written(order: Order) -> None:
    card = Card(SIZE)
    go(card, order)
    card.log.clear()
    looked_at(card, order)
    card.data[5 * MIB + 7] ^= 1
    card.data[0] ^= 1
    with pytest.raises(MediumError, match=r"4.1 MiB are in pieces that differ") as caught:
        looked_at(card, order)
    assert caught.value.offset == 0
    assert card.log == []


def test_what_is_a_cards_own_is_right_on_it(order: Order) -> None:
    card = Card(SIZE)
    go(card, replace(order, seed_at=Extent(6 * MIB, 16)), seed=b"somebody")
    with pytest.raises(MediumError):
        looked_at(card, order)
    looked_at(card, order, own=[Patch(offset=6 * MIB, data=b"somebody")])


@pytest.mark.parametrize("place", [MIB, 6 * MIB], ids=["within a seal", "elsewhere"])
@pytest.mark.parametrize("changed_only", [False, True])
def test_who_a_card_is_outlasts_its_sealing(order: Order, place: int, changed_only: bool) -> None:
    card = Card(SIZE)
    go(card, replace(order, seed_at=Extent(place, 8), changed_only=changed_only), seed=b"somebody")
    assert bytes(card.data[place : place + 8]) == b"somebody"
    assert starts(card)


def test_the_beginning_is_written_last(order: Order) -> None:
    card = Card(SIZE)
    go(card, order)
    writes = [entry for entry in card.log if entry[0] == "write" and entry[2] > 4096]
    assert writes[-1][1] == 0
    assert card.log[card.log.index(writes[-1]) - 1][0] == "flush", "everything before it is durable"


def test_what_no_range_names_is_not_written(tmp_path: Path) -> None:
    mapped = [Extent(0, 4096), Extent(5 * MIB, 8192)]
    card = Card(SIZE)
    go(card, Order(spool=spool_of(IMAGE, tmp_path, mapped=mapped), probe=False))
    assert bytes(card.data[:4096]) == IMAGE[:4096]
    assert bytes(card.data[5 * MIB : 5 * MIB + 8192]) == IMAGE[5 * MIB : 5 * MIB + 8192]
    assert card.data[5 * MIB + 8192] == card.data[2 * MIB] == card.fill


def test_zeros_that_are_named_are_zeros_afterwards(tmp_path: Path) -> None:
    image = IMAGE[:CHUNK] + bytes(CHUNK) + IMAGE[:512]
    card = Card(SIZE)
    go(card, Order(spool=spool_of(image, tmp_path), probe=False))
    assert bytes(card.data[: len(image)]) == image
    assert ("zero", CHUNK, CHUNK) in card.log


@pytest.mark.parametrize("block", [1, 512])
def test_an_image_that_ends_within_a_block_is_filled_up(block: int, tmp_path: Path) -> None:
    image = IMAGE[: CHUNK + 100]
    card = Card(SIZE, block_bytes=block)
    go(card, Order(spool=spool_of(image, tmp_path), probe=False))
    assert bytes(card.data[: len(image)]) == image


def test_a_seed_lies_in_its_place(order: Order) -> None:
    card = Card(SIZE)
    go(card, replace(order, seed_at=Extent(6 * MIB, 1024)), seed=b"s" * 1024)
    assert bytes(card.data[6 * MIB : 6 * MIB + 1024]) == b"s" * 1024
    assert bytes(card.data[6 * MIB + 1024 : len(IMAGE)]) == IMAGE[6 * MIB + 1024 :]


def test_a_seed_within_a_seal_outlives_it(order: Order) -> None:
    card = Card(SIZE)
    go(card, replace(order, seed_at=Extent(1024, 512)), seed=b"s" * 512)
    assert bytes(card.data[1024:1536]) == b"s" * 512
    assert bytes(card.data[:1024]) + bytes(card.data[1536 : len(IMAGE)]) == IMAGE[:1024] + IMAGE[1536:]


def test_a_seal_is_one_small_write_and_what_lies_beside_it_was_there_before(order: Order) -> None:
    card = Card(SIZE)
    go(card, order)
    writes = [(at, length) for what, at, length in card.log if what == "write" and length > 4096]
    (first, *_, last) = writes
    assert last == (0, 64 * 1024)
    assert first == (64 * 1024, CHUNK - 64 * 1024)


FAULTS = {
    "a card that is smaller than it says": (Card(SIZE, real_bytes=8 * MIB), "probe", None),
    "a card that begins again at its start": (Card(SIZE, real_bytes=4 * MIB, wraps=True), "probe", None),
    "one that begins again at an odd place": (Card(SIZE, real_bytes=9 * MIB + 512, wraps=True), "verify", None),
    "a card that writes nothing": (Card(SIZE, drops=True), "probe", None),
    "one wrong bit": (Card(SIZE, flips=7 * MIB + 77), "verify", 7 * MIB + 77),
    "a place that cannot be written": (Card(SIZE, breaks_at=6 * MIB), "write", 6 * MIB),
    "a place that cannot be read": (Card(SIZE, blind_at=6 * MIB), "read", 6 * MIB),
    "a card that is pulled out": (Card(SIZE, gone_after=5 * MIB), "write", None),
    "a card that is too small": (Card(8 * MIB), "open", None),
    "sectors of another size": (Card(SIZE, block_bytes=4096), "open", None),
}


@pytest.mark.parametrize("name", FAULTS)
def test_a_bad_card_fails_with_its_reason_and_does_not_start(name: str, order: Order) -> None:
    card, operation, offset = FAULTS[name]
    card.data[:512] = IMAGE[:512]
    with pytest.raises(MediumError) as caught:
        go(card, order)
    assert caught.value.operation == operation
    assert offset is None or caught.value.offset == offset
    untouched = operation == "open" or card.drops
    assert starts(card) == untouched, "what was on it before starts no more, either"


def test_a_card_that_holds_the_image_already_and_writes_nothing_is_found_out(order: Order) -> None:
    card = Card(SIZE, drops=True)
    card.data[: len(IMAGE)] = IMAGE
    with pytest.raises(MediumError, match="does not return"):
        go(card, order)


@pytest.mark.parametrize(("fault", "operation"), [({"flips": 100}, "verify"), ({"blind_at": 4096}, "read")])
def test_a_beginning_that_cannot_be_read_back_fails_the_card(
    fault: dict[str, int], operation: str, order: Order
) -> None:
    card = Card(SIZE, **fault)  # type: ignore[arg-type]
    with pytest.raises(MediumError) as caught:
        go(card, replace(order, probe=False))
    assert caught.value.operation == operation
    assert not starts(card)


def test_without_reading_back_a_wrong_bit_goes_unnoticed(order: Order) -> None:
    go(Card(SIZE, flips=7 * MIB), replace(order, verify=Verify.NONE))


def test_a_card_that_could_not_be_named_does_not_start(order: Order) -> None:
    def nobody() -> bytes | None:
        raise ArtifactError("no row is left")

    card = Card(SIZE)
    with pytest.raises(ArtifactError):
        travel(card, order, Pulse(), cancelled=threading.Event(), give=nobody)
    assert not starts(card)


def test_only_what_differs_is_written_again(order: Order) -> None:
    card = Card(SIZE)
    go(card, order)
    card.log.clear()
    card.data[5 * MIB] ^= 0xFF
    go(card, replace(order, changed_only=True, probe=False))
    assert bytes(card.data[: len(IMAGE)]) == IMAGE
    assert [entry[1] for entry in card.log if entry[0] == "write"] == [CHUNK, 0]


def test_a_card_with_one_difference_does_not_start_until_it_is_mended(order: Order) -> None:
    card = Card(SIZE)
    go(card, order)
    card.data[9 * MIB] ^= 0xFF
    card.breaks_at = 9 * MIB
    with pytest.raises(MediumError):
        go(card, replace(order, changed_only=True, probe=False))
    assert not starts(card)


def test_a_batch_that_is_over_ends_a_card_in_the_middle(order: Order) -> None:
    over, card, pulse = threading.Event(), Card(SIZE), Pulse()

    class Breaking(Card):
        def write(self, offset: int, data: memoryview) -> None:
            super().write(offset, data)
            if offset >= CHUNK:
                over.set()

    card = Breaking(SIZE)
    with pytest.raises(Interrupted):
        travel(card, replace(order, probe=False), pulse, cancelled=over)
    assert not starts(card)
    assert pulse.last is Phase.WRITING


def test_a_card_whose_end_could_not_be_written_down_does_not_start(order: Order) -> None:
    def forgotten() -> None:
        raise ArtifactError("the disk under the ledger is full")

    card = Card(SIZE)
    with pytest.raises(ArtifactError):
        travel(card, order, Pulse(), cancelled=threading.Event(), commit=forgotten)
    assert not starts(card)


def test_a_card_that_is_right_loses_its_seals_before_it_gets_another_name(order: Order) -> None:
    card, named = Card(SIZE), replace(order, seed_at=Extent(6 * MIB, 512))
    go(card, named, seed=b"a" * 512)
    card.data[6 * MIB : 6 * MIB + 512] = IMAGE[6 * MIB : 6 * MIB + 512]
    card.breaks_at = 6 * MIB
    with pytest.raises(MediumError):
        go(card, replace(named, changed_only=True), seed=b"b" * 512)
    assert not starts(card)
