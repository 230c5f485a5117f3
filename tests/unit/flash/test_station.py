"""A station flashes what is put into its slots, says what to do with it, and touches nothing else."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from builder.errors import ArtifactError, SatchelError
from builder.flash import station as station_module
from builder.flash import targets
from builder.flash.choosing import Rules
from builder.flash.chunk import CHUNK
from builder.flash.disks import Disk
from builder.flash.fleet import Batch
from builder.flash.pulse import Phase
from builder.flash.slots import Slot
from builder.flash.station import Bay, Station, bays_of
from builder.ledger.ledger import Ledger

from .batches import SIZE, Hanging, attempts, batch_of, patience, starts, until
from .media import Card
from .rows import namer

A1, A2, ELSEWHERE = "usb-1-1.2:0", "usb-1-1.2:1", "usb-1-1.3:0"
BAYS = (Slot(name="A1", place=A1), Slot(name="A2", place=A2))


class Opened:
    """A card in memory by way of its device, as `Device` shows it."""

    def __init__(self, card: Card, disk: Disk) -> None:
        self._card = card
        self.number = os.makedev(*map(int, disk.number.split(":")))
        self.sequence = disk.sequence

    def __getattr__(self, name: str) -> Any:
        return getattr(self._card, name)


class Readers:
    """What lies in the readers of a machine, and hands that change it."""

    def __init__(self) -> None:
        self._there: dict[str, tuple[Disk, Card]] = {}
        self._sequence = 0
        self.opened: list[Path] = []

    def put(self, card: Card, place: str = A1, **facts: Any) -> None:
        self._sequence += 1
        number = f"8:{16 * sorted([A1, A2, ELSEWHERE]).index(place)}"
        disk = Disk(
            path=Path(f"/dev/{place}"),
            number=number,
            kind="disk",
            size_bytes=card.size_bytes,
            transport="usb",
            place=place,
            sequence=self._sequence,
        )
        self._there[place] = (replace(disk, **facts), card)

    def pull(self, place: str = A1) -> None:
        del self._there[place]

    def known(self) -> list[Disk]:
        return [disk for disk, _ in self._there.values()]

    def open(self, path: Path) -> Opened:
        self.opened.append(path)
        disk, card = next(there for there in self._there.values() if there[0].path == path)
        return Opened(card, disk)


@pytest.fixture
def readers(monkeypatch: pytest.MonkeyPatch) -> Readers:
    made = Readers()
    monkeypatch.setattr(station_module, "_LOOK_AT_DISKS_S", 0.0)
    monkeypatch.setattr(station_module, "_LOOK_AT_CARDS_S", 0.002)
    monkeypatch.setattr(targets, "Device", made.open)
    return made


@dataclass
class Told:
    """What the lines of a station said, without what they said before."""

    lines: list[tuple[str, str]]

    def of(self, slot: str) -> list[str]:
        return [says for name, says in self.lines if name == slot]


def work(station: Station, act: Callable[[dict[str, str]], None], told: Told | None = None) -> Told:
    """Run a station; `act` sees what its slots say."""
    told = told or Told([])
    last: dict[str, str] = {}
    with patience() as check:

        def look(bays: Sequence[Bay]) -> None:
            check()
            now = {bay.slot.name: bay.says for bay in bays}
            told.lines.extend((name, says) for name, says in now.items() if last.get(name) != says)
            last.update(now)
            act(now)

        station.run(look)
    return told


def station_of(batch: Batch, readers: Readers, *, most: int | None = None) -> Station:
    rules = Rules(needed_bytes=batch.order.spool.size_bytes)
    return Station(batch=batch, rules=rules, bays=bays_of(BAYS), most=most, known=readers.known)


def test_the_next_card_in_a_slot_is_another_attempt(tmp_path: Path, ledger: Ledger, readers: Readers) -> None:
    station = station_of(batch_of(tmp_path, ledger), readers, most=2)
    cards = [Card(SIZE), Card(SIZE)]
    waiting = list(cards)

    def act(says: dict[str, str]) -> None:
        if says["A1"] == "put a card in" and waiting:
            readers.put(waiting.pop(0))
        elif says["A1"] == "done: pull it out" and waiting:
            readers.pull()

    told = work(station, act)
    assert told.of("A1") == ["put a card in", "", "done: pull it out", "put a card in", "", "done: pull it out"]
    assert [result.done for result in station.results] == [True, True]
    assert all(map(starts, cards))
    assert {attempt.get("slot") for attempt in attempts(ledger).values()} == {"A1"}
    assert len(attempts(ledger)) == 2


def test_a_card_that_failed_is_left_alone_until_it_is_pulled_out(
    tmp_path: Path, ledger: Ledger, readers: Readers
) -> None:
    station = station_of(batch_of(tmp_path, ledger), readers, most=1)
    readers.put(Card(SIZE, breaks_at=CHUNK))
    looks: list[str] = []

    def act(says: dict[str, str]) -> None:
        if says["A1"] == "failed: pull it out":
            looks.append(says["A1"])
            if len(looks) == 5:
                readers.put(Card(SIZE))

    told = work(station, act)
    assert told.of("A1") == ["", "failed: pull it out", "", "done: pull it out"]
    assert [result.phase for result in station.results] == [Phase.FAILED, Phase.DONE]
    assert len(readers.opened) == 2


def test_a_card_that_is_refused_says_why_and_is_looked_at_again(
    tmp_path: Path, ledger: Ledger, readers: Readers
) -> None:
    station = station_of(batch_of(tmp_path, ledger), readers, most=1)
    card = Card(SIZE)
    readers.put(card, read_only=True)
    touched: list[bool] = []

    def act(says: dict[str, str]) -> None:
        if says["A1"].startswith("not touched"):
            touched.append(bool(card.log or readers.opened))
            readers.put(card)

    told = work(station, act)
    assert told.of("A1") == ["not touched: it is write-protected", "", "done: pull it out"]
    assert touched == [False]


def test_it_ends_after_so_many_cards_and_begins_no_more(tmp_path: Path, ledger: Ledger, readers: Readers) -> None:
    station = station_of(batch_of(tmp_path, ledger), readers, most=1)
    first, second = Hanging(SIZE, hangs_at=CHUNK), Card(SIZE)
    readers.put(first, A1)
    readers.put(second, A2)

    def act(says: dict[str, str]) -> None:
        if says["A2"] == "not needed any more":
            readers.pull(A2)
            first.let_go.set()

    told = work(station, act)
    assert told.of("A2") == ["not needed any more", "put a card in"]
    assert [result.target for result in station.results] == ["A1"]
    assert second.log == []


def test_it_ends_when_no_row_is_left(tmp_path: Path, ledger: Ledger, readers: Readers) -> None:
    station = station_of(batch_of(tmp_path, ledger, namer=namer(tmp_path, "One,A1,")), readers)
    foreign = Card(SIZE)
    readers.put(Card(SIZE), A1)
    readers.put(foreign, A2)
    told = work(station, lambda _: None)
    (result,) = station.results
    assert result.done
    assert {result.code} == ledger.reserved()
    assert told.of("A2") == ["not touched: no row is left for it"]
    assert foreign.log == []


def test_two_disks_in_one_place_are_both_left_alone(tmp_path: Path, ledger: Ledger, readers: Readers) -> None:
    station = station_of(batch_of(tmp_path, ledger), readers, most=1)
    first, second = Card(SIZE), Card(SIZE)
    readers.put(first, A1)
    readers.put(second, A2)
    seen: list[str] = []

    def known() -> list[Disk]:
        disks = readers.known()
        return disks if "put a card in" in seen else [replace(disk, place=BAYS[0].place) for disk in disks]

    def act(says: dict[str, str]) -> None:
        seen.append(says["A1"])
        assert len(seen) > 1 or first.log == second.log == []

    station.known = known
    work(station, act)
    assert seen[0] == "put a card in"


def test_it_ends_when_the_image_turns_out_to_be_bad(tmp_path: Path, ledger: Ledger, readers: Readers) -> None:
    batch = batch_of(tmp_path, ledger)
    readers.put(Hanging(SIZE, hangs_at=CHUNK, let_go=batch.cancelled), A1)
    station = station_of(batch, readers)

    def act(says: dict[str, str]) -> None:
        if not says["A1"]:
            batch.order.spool.fail(ArtifactError("it is damaged"))
            batch.cancelled.set()

    work(station, act)
    assert [result.done for result in station.results] == [False]


def test_a_card_for_which_others_leave_no_row_is_not_begun(tmp_path: Path, ledger: Ledger, readers: Readers) -> None:
    station = station_of(batch_of(tmp_path, ledger, namer=namer(tmp_path, "One,,")), readers)
    first, second = Hanging(SIZE, hangs_at=CHUNK), Card(SIZE)
    readers.put(first, A1)
    readers.put(second, A2)

    def act(says: dict[str, str]) -> None:
        if says["A2"] == "not touched: no row is left for it":
            first.let_go.set()

    work(station, act)
    assert [(result.target, result.done) for result in station.results] == [("A1", True)]
    assert second.log == []


def test_it_survives_that_the_disks_cannot_be_listed(tmp_path: Path, ledger: Ledger, readers: Readers) -> None:
    station = station_of(batch_of(tmp_path, ledger), readers, most=1)
    card = Hanging(SIZE, hangs_at=CHUNK)
    readers.put(card)
    calls = failed = 0

    def flaky() -> list[Disk]:
        nonlocal calls, failed
        calls += 1
        if calls % 2:
            failed += card.hangs.is_set()
            raise SatchelError("lsblk failed")
        return readers.known()

    station.known = flaky
    told = work(station, lambda _: card.let_go.set() if failed else None)
    assert told.of("A1") == ["put a card in", "", "done: pull it out"], "a card in work is not bothered"
    assert starts(card)


def test_a_disk_in_another_place_is_never_touched_and_an_interruption_ends_all_cards(
    tmp_path: Path, ledger: Ledger, readers: Readers
) -> None:
    station = station_of(batch := batch_of(tmp_path, ledger), readers)
    card, foreign = Hanging(SIZE, hangs_at=CHUNK, let_go=batch.cancelled), Card(SIZE)
    readers.put(card, A2)
    readers.put(foreign, ELSEWHERE)

    def act(_: dict[str, str]) -> None:
        if card.hangs.is_set() and not batch.cancelled.is_set():
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        work(station, act)
    assert [(result.target, result.phase) for result in station.results] == [("A2", Phase.INTERRUPTED)]
    assert not starts(card)
    assert readers.opened == [Path(f"/dev/{A2}")]
    assert foreign.log == []


def test_a_card_that_was_changed_after_it_was_looked_at_is_not_touched(
    tmp_path: Path, ledger: Ledger, readers: Readers
) -> None:
    station = station_of(batch_of(tmp_path, ledger), readers, most=1)
    looked_at, other = Card(SIZE), Card(SIZE)
    readers.put(looked_at)
    before = readers.known()
    readers.put(other)
    seen = [before]
    station.known = lambda: seen.pop() if seen else readers.known()
    work(station, lambda _: None)
    (wrong, right) = station.results
    assert (wrong.phase, wrong.touched) == (Phase.FAILED, False)
    assert "another card lies there" in wrong.reason
    assert right.done
    assert starts(other)
    assert looked_at.log == []


def test_a_card_that_is_pulled_out_in_work_is_still_shown_and_counted(
    tmp_path: Path, ledger: Ledger, readers: Readers
) -> None:
    station = station_of(batch_of(tmp_path, ledger), readers)
    card = Hanging(SIZE, hangs_at=CHUNK)
    readers.put(card)

    def known() -> list[Disk]:
        if card.hangs.is_set() and not card.let_go.is_set():
            # Its thread notices before anybody sees that the slot is empty.
            readers.pull()
            card.gone_after = 0
            card.let_go.set()
            until(lambda: station.bays[0].says == "failed: pull it out")
        return readers.known()

    def act(says: dict[str, str]) -> None:
        if card.let_go.is_set() and says["A1"] == "put a card in":
            raise KeyboardInterrupt

    station.known = known
    told = Told([])
    with pytest.raises(KeyboardInterrupt):
        work(station, act, told)
    assert told.of("A1") == ["", "failed: pull it out", "put a card in"]
    assert [result.phase for result in station.results] == [Phase.FAILED]


def test_no_card_too_many_is_begun_while_another_one_ends(tmp_path: Path, ledger: Ledger, readers: Readers) -> None:
    station = station_of(batch_of(tmp_path, ledger), readers, most=1)
    first, second = Hanging(SIZE, hangs_at=CHUNK), Card(SIZE)
    readers.put(first, A1)

    def known() -> list[Disk]:
        if first.hangs.is_set() and not first.let_go.is_set():
            readers.put(second, A2)
            first.let_go.set()
            until(lambda: station.bays[0].says == "done: pull it out")
        return readers.known()

    station.known = known
    work(station, lambda _: None)
    assert [result.target for result in station.results] == ["A1"]
    assert second.log == []
