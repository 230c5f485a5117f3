"""The ledger in a file: what is added stays, and a code is given away once."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from builder.errors import LedgerError, UsageError
from builder.ledger.ledger import Ledger, Taken, Writer, open_ledger

ADA = Writer(station="bench", operator="Ada")


@pytest.fixture
def place(tmp_path: Path) -> Path:
    return tmp_path / "ledger.db"


@pytest.fixture
def ledger(place: Path) -> Iterator[Ledger]:
    with open_ledger(str(place), ADA) as opened:
        yield opened


def test_what_was_added_comes_back_as_it_was(ledger: Ledger) -> None:
    facts = {"name": "École", "offset": None, "rate": 12, "sealed": True}
    added = ledger.add("started", "a1", facts)
    (kept,) = ledger.entries()
    assert kept.entry == added
    assert kept.digest == added.digest
    assert ledger.head() == (1, added.digest)
    assert (added.operator, added.station, added.facts) == ("Ada", "bench", facts)


def test_a_code_is_given_away_once_and_for_all_time(ledger: Ledger, place: Path) -> None:
    ledger.reserve("K7M3-Q2XG", "a1", {})
    with pytest.raises(Taken):
        ledger.reserve("K7M3-Q2XG", "a2", {})
    with open_ledger(str(place), ADA) as again, pytest.raises(Taken):
        again.reserve("K7M3-Q2XG", "a3", {})
    assert ledger.reserved() == {"K7M3-Q2XG"}
    assert [kept.entry.attempt for kept in ledger.entries()] == ["a1"], "a try that failed leaves nothing"


def test_many_at_once_stand_in_line(ledger: Ledger) -> None:
    codes = [f"CODE-{number:04}" for number in range(20)]

    def take(worker: int) -> list[str]:
        got = []
        for code in codes:
            try:
                ledger.reserve(code, f"worker {worker}", {})
            except Taken:
                continue
            got.append(code)
        return got

    with ThreadPoolExecutor(4) as pool:
        taken = [code for codes in pool.map(take, range(4)) for code in codes]
    assert sorted(taken) == codes
    assert ledger.faults() == []
    assert [kept.entry.number for kept in ledger.entries()] == list(range(1, 21))


def test_a_hand_in_the_database_is_seen(ledger: Ledger, place: Path) -> None:
    for number in range(3):
        ledger.add("ended", f"a{number}", {"result": "failed"})
    assert ledger.faults() == []
    with sqlite3.connect(place) as database:
        database.execute("""update satchel_entries set facts = '{"result": "done"}' where number = 2""")
    assert ledger.faults() == ["entry 2 was changed after it was written"]


def test_a_ledger_that_cannot_be_written_says_so(tmp_path: Path) -> None:
    with pytest.raises(LedgerError, match="cannot open the ledger"), open_ledger(str(tmp_path / "no/where.db"), ADA):
        pass
    (tmp_path / "text.db").write_text("this is no database, and long enough to be taken for one" * 100)
    with pytest.raises(LedgerError, match="not a database"), open_ledger(str(tmp_path / "text.db"), ADA):
        pass


@pytest.mark.parametrize("place", ["mysql://x/y", "://", "nonsense://"])
def test_another_database_is_wrong_usage(place: str) -> None:
    with pytest.raises(UsageError, match="--ledger"), open_ledger(place, ADA):
        pass
