"""Entries become cards: what was begun, who it became, how it ended."""

from __future__ import annotations

import pytest

from builder.ledger.history import attempts_of, count, in_batch

from .entries import card, entries_of


def test_entries_of_several_cards_at_once_are_told_apart() -> None:
    one, two = card("sdb", "done", "AAAA-1111"), card("sdc", "failed")
    first, second = attempts_of(entries_of(two[0], one[0], one[1], two[1], one[2]))
    assert (first.id, first.result, first.code, first.get("reason")) == ("sdc", "failed", "", "it failed")
    assert (second.id, second.result, second.code) == ("sdb", "done", "AAAA-1111")
    assert (second.get("target"), second.get("facility")) == ("/dev/sdb", "School of sdb")
    assert first.at < second.at, "it bears the time of its beginning"


@pytest.mark.parametrize(
    ("result", "code", "burnt"),
    [
        ("done", "AAAA-1111", False),
        ("failed", "AAAA-1111", True),
        ("stalled", "AAAA-1111", True),
        (None, "AAAA-1111", True),
        ("failed", "", False),
    ],
)
def test_a_code_is_burnt_unless_its_card_is_done(result: str | None, code: str, burnt: bool) -> None:
    (attempt,) = attempts_of(entries_of(*card("sdb", result, code)))
    assert attempt.burnt == burnt
    assert attempt.result == (result or "unfinished")


def test_cards_and_codes_are_counted() -> None:
    things = [
        *card("sda", "done", "AAAA-1111"),
        *card("sdb", "done"),
        *card("sdc", "failed", "CCCC-3333"),
        *card("sdd", None, "DDDD-4444"),
    ]
    counted = count(attempts_of(entries_of(*things)))
    assert counted.results == {"done": 2, "failed": 1, "unfinished": 1}
    assert (counted.given, counted.burnt) == (1, 2)


@pytest.mark.parametrize(
    ("batch", "found"),
    [(None, "abc"), ("last", "c"), ("1f", "ab"), ("2", "c"), ("3", "")],
)
def test_a_batch_is_found_by_the_beginning_of_its_name(batch: str | None, found: str) -> None:
    things = [
        *card("a", "done", batch="1f00"),
        *card("b", "done", batch="1f00"),
        *card("c", None, batch="2e00"),
    ]
    assert "".join(attempt.id for attempt in in_batch(attempts_of(entries_of(*things)), batch)) == found


def test_without_any_batch_there_is_no_last_one() -> None:
    assert in_batch(attempts_of(entries_of(("ended", "a", {"result": "done"}))), "last") == ()
