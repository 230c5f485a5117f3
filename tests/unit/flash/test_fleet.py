"""Many cards, and each ends for itself: in the ledger, on the card, and for whoever watches."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from builder.disk.extents import Extent
from builder.flash import fleet
from builder.flash.chunk import CHUNK, chunks_of
from builder.flash.fleet import Batch, stop, watch_all
from builder.flash.plain_file import PlainFile
from builder.flash.pulse import Phase
from builder.flash.source.spool import Room, Spool
from builder.identity.seed_file import seed_in
from builder.ledger.ledger import Ledger

from .batches import (
    SEED_AT,
    SIZE,
    Hanging,
    age,
    attempts,
    batch_of,
    begun,
    ended,
    image,
    kinds,
    patience,
    starts,
    until,
)
from .media import Card
from .rows import namer


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fleet, "LOOK_S", 0.002)
    monkeypatch.setattr(fleet, "_GRACE_S", 0.05)


def watch(cards: Sequence[fleet.Card], batch: Batch, look: Callable[[], None] = lambda: None) -> None:
    with patience() as check:

        def looked(_: Sequence[fleet.Card]) -> None:
            check()
            look()

        watch_all(cards, batch, looked)


def code_on(card: Card) -> str | None:
    seed = seed_in(bytes(card.data[SEED_AT.start : SEED_AT.end]), source="card")
    return seed.code if seed else None


def test_a_card_that_is_done_says_so_everywhere(tmp_path: Path, ledger: Ledger) -> None:
    batch, medium = batch_of(tmp_path, ledger, namer=namer(tmp_path, "One,,")), Card(SIZE)
    card = begun(medium, batch, "/dev/sdx", slot="A1")
    watch([card], batch)
    result = card.result
    assert result is not None
    assert (result.phase, result.busy, result.target) == (Phase.DONE, Phase.SEALING, "/dev/sdx")
    assert result.done
    assert result.touched
    assert starts(medium)
    assert code_on(medium) == result.code
    assert kinds(ledger, card) == ["started", "reserved", "ended"]
    attempt = attempts(ledger)[card.attempt]
    assert (attempt.result, attempt.code, attempt.get("facility")) == ("done", result.code, "One")
    assert (attempt.get("batch"), attempt.get("slot"), attempt.get("size_bytes")) == ("b1", "A1", str(SIZE))
    assert int(attempt.get("written_bytes")) == result.written_bytes >= len(image())


@dataclass
class Odd(Card):
    """Something that nobody thought of happens when it is written to."""

    def write(self, offset: int, data: memoryview) -> None:
        raise ZeroDivisionError("nobody thought of this")


BAD = {
    "a place that cannot be written": (Card(SIZE, breaks_at=CHUNK), "reports an error", CHUNK),
    "a bug": (Odd(SIZE), "ZeroDivisionError: nobody thought of this", None),
}


@pytest.mark.parametrize("name", BAD)
def test_what_ends_one_card_ends_that_card_alone(name: str, tmp_path: Path, ledger: Ledger) -> None:
    medium, said, offset = BAD[name]
    batch, healthy = batch_of(tmp_path, ledger), Card(SIZE)
    bad, good = begun(medium, batch, "bad"), begun(healthy, batch, "good")
    watch([bad, good], batch)
    assert bad.result is not None
    assert good.result is not None
    assert (bad.result.phase, bad.result.offset) == (Phase.FAILED, offset)
    assert said in bad.result.reason
    assert not starts(medium)
    assert good.result.done
    assert starts(healthy)
    assert {card.attempt: attempts(ledger)[card.attempt].result for card in (bad, good)} == {
        bad.attempt: "failed",
        good.attempt: "done",
    }


def test_a_card_that_stands_still_is_declared_and_takes_its_code_with_it(tmp_path: Path, ledger: Ledger) -> None:
    batch = batch_of(tmp_path, ledger, namer=namer(tmp_path, "One,,", "Two,,"))
    medium = Hanging(SIZE, hangs_at=0)
    still = begun(medium, batch, "still")
    until(medium.hangs.is_set)
    good = begun(Card(SIZE), batch, "good")

    def wait_too_long() -> None:
        if good.result:
            age(still)

    watch([still, good], batch, wait_too_long)
    declared = still.result
    assert declared is not None
    assert (declared.phase, declared.busy) == (Phase.STALLED, Phase.SEALING)
    assert "pull the card out" in declared.reason
    assert good.result is not None
    assert good.result.done

    medium.let_go.set()
    ended(still)
    assert still.result is declared, "what it still did counts nothing"
    assert not starts(medium)
    assert kinds(ledger, still) == ["started", "reserved", "ended"]
    burnt = attempts(ledger)[still.attempt]
    assert (burnt.result, burnt.burnt, burnt.code) == ("stalled", True, declared.code)
    assert ledger.reserved() == {declared.code, good.result.code}, "nobody else got it"


def test_a_card_that_was_given_up_writes_nothing_more_and_takes_no_row(tmp_path: Path, ledger: Ledger) -> None:
    batch, medium = batch_of(tmp_path, ledger, namer=namer(tmp_path, "One,,")), Hanging(SIZE, hangs_at=CHUNK)
    card = begun(medium, batch)
    until(medium.hangs.is_set)
    age(card)
    assert card.watch()
    medium.let_go.set()
    ended(card)
    written = [entry[1] for entry in medium.log if entry[0] == "write"]
    assert written[-1] == CHUNK
    assert not starts(medium)
    assert ledger.reserved() == frozenset()


def test_a_batch_that_is_over_ends_a_card_in_the_middle(tmp_path: Path, ledger: Ledger) -> None:
    batch = batch_of(tmp_path, ledger)
    medium = Hanging(SIZE, hangs_at=CHUNK, let_go=batch.cancelled)
    card = begun(medium, batch)
    until(medium.hangs.is_set)
    batch.cancelled.set()
    ended(card)
    assert card.result is not None
    assert (card.result.phase, card.result.busy) == (Phase.INTERRUPTED, Phase.WRITING)
    assert not starts(medium)


def test_a_card_that_waits_for_the_image_does_not_stand_still(tmp_path: Path, ledger: Ledger) -> None:
    (tmp_path / "spool").write_bytes(image())
    chunks = tuple(chunks_of([Extent(0, len(image()))]))
    spool = Spool(Room(descriptor=PlainFile(tmp_path / "spool")._descriptor), chunks, size_bytes=len(image()))
    spool.publish(chunks[0], zero=False)
    batch = batch_of(tmp_path, ledger, spool=spool)
    card = begun(Card(SIZE), batch)
    until(lambda: card.pulse.phase is Phase.WRITING and card.pulse.waits)
    age(card)
    assert not card.watch()
    spool.publish(chunks[1], zero=False)
    watch([card], batch)
    assert card.result is not None
    assert card.result.done


def refuse(tmp_path: Path, kind: str) -> None:
    """From now on the database of the ledger takes no entry of a kind."""
    with sqlite3.connect(tmp_path / "ledger.db") as database:
        database.execute(
            f"create trigger full before insert on satchel_entries when new.kind = '{kind}' "
            "begin select raise(abort, 'the disk is full'); end"
        )


@dataclass
class Resealed(Card):
    """It takes its time to become zeros at its beginning after that was written."""

    breaking: threading.Event = field(default_factory=threading.Event)
    let_go: threading.Event = field(default_factory=threading.Event)

    def zero(self, offset: int, length: int) -> None:
        if offset == 0 and any(entry[:2] == ("write", 0) for entry in self.log):
            self.breaking.set()
            self.let_go.wait(30)
        super().zero(offset, length)


def test_a_card_whose_end_cannot_be_written_down_does_not_go_out(tmp_path: Path, ledger: Ledger) -> None:
    refuse(tmp_path, "ended")
    batch, medium = batch_of(tmp_path, ledger, namer=namer(tmp_path, "One,,")), Resealed(SIZE)
    card = begun(medium, batch)
    until(medium.breaking.is_set)
    assert not card.watch(), "it is not over before its seals are broken"
    medium.let_go.set()
    watch([card], batch)
    assert card.result is not None
    assert card.result.phase is Phase.FAILED
    assert card.result.reason.count("the disk is full") == 1
    assert not starts(medium)
    attempt = attempts(ledger)[card.attempt]
    assert (attempt.result, attempt.burnt) == ("unfinished", True)


@pytest.mark.parametrize("kind", ["started", "reserved"])
def test_a_card_that_the_ledger_does_not_take_has_no_code(kind: str, tmp_path: Path, ledger: Ledger) -> None:
    refuse(tmp_path, kind)
    batch, medium = batch_of(tmp_path, ledger, namer=namer(tmp_path, "One,,")), Card(SIZE)
    card = begun(medium, batch)
    watch([card], batch)
    assert card.result is not None
    assert (card.result.phase, card.result.code) == (Phase.FAILED, "")
    assert card.result.touched == (kind == "reserved"), "nothing is written to what could not be written down"
    assert not starts(medium)
    assert ledger.reserved() == frozenset()


def test_an_interrupted_batch_gives_up_what_does_not_stop(tmp_path: Path, ledger: Ledger) -> None:
    batch, medium = batch_of(tmp_path, ledger), Hanging(SIZE, hangs_at=CHUNK)
    finished, stuck = begun(Card(SIZE), batch, "finished"), begun(medium, batch, "stuck")
    watch([finished], batch)
    seen: list[Phase | None] = []

    def interrupt(cards: Sequence[fleet.Card]) -> None:
        seen[:] = [card.result.phase if card.result else None for card in cards]
        if medium.hangs.is_set() and not batch.cancelled.is_set():
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        watch_all([finished, stuck], batch, interrupt)
    assert batch.cancelled.is_set()
    assert seen == [Phase.DONE, Phase.INTERRUPTED], "the end is shown, and what was done stays done"
    assert attempts(ledger)[stuck.attempt].result == "interrupted"
    medium.let_go.set()
    ended(stuck)
    assert not starts(medium)
    assert kinds(ledger, stuck) == ["started", "ended"]


def test_the_first_word_about_a_card_counts(tmp_path: Path, ledger: Ledger) -> None:
    batch, medium = batch_of(tmp_path, ledger), Card(SIZE)
    card = begun(medium, batch)
    watch([card], batch)
    ended(card)
    said = card.result
    age(card)
    assert card.watch()
    stop([card], batch)
    assert card.result is said
    assert card.pulse.phase is Phase.DONE
    assert kinds(ledger, card) == ["started", "ended"]


def test_a_card_that_is_done_already_is_refused_and_stays_what_it_is(tmp_path: Path, ledger: Ledger) -> None:
    batch, medium = batch_of(tmp_path, ledger, namer=namer(tmp_path, "One,,", "Two,,")), Card(SIZE)
    first = begun(medium, batch)
    watch([first], batch)
    code = code_on(medium)
    medium.log.clear()
    second = begun(medium, batch)
    watch([second], batch)
    assert second.result is not None
    assert (second.result.phase, second.result.touched) == (Phase.FAILED, False)
    assert f"this card is {code} already" in second.result.reason
    assert medium.log == []
    assert starts(medium)
    assert ledger.reserved() == {code}, "it takes no row"


def test_a_card_that_is_done_already_becomes_another_one_if_that_is_wanted(tmp_path: Path, ledger: Ledger) -> None:
    batch, medium = batch_of(tmp_path, ledger, namer=namer(tmp_path, "One,,", "Two,,")), Card(SIZE)
    watch([begun(medium, batch)], batch)
    code = code_on(medium)
    again = replace(batch, again=True)
    watch([card := begun(medium, again)], again)
    assert card.result is not None
    assert card.result.done
    assert code_on(medium) == card.result.code != code


def test_a_card_that_took_a_code_with_it_is_nobody_and_may_be_flashed_again(tmp_path: Path, ledger: Ledger) -> None:
    batch = batch_of(tmp_path, ledger, namer=namer(tmp_path, "One,,", "Two,,"))
    medium = Card(SIZE, breaks_at=0)
    watch([begun(medium, batch)], batch)
    burnt = code_on(medium)
    assert ledger.reserved() == {burnt}
    medium.breaks_at = None
    watch([card := begun(medium, batch)], batch)
    assert card.result is not None
    assert card.result.done
    assert code_on(medium) == card.result.code != burnt
