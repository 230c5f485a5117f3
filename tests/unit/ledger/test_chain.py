"""A chain shows what was done to it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from builder.ledger.chain import BEGINNING, Entry, Kept, faults


def chain(length: int) -> list[Kept]:
    kept: list[Kept] = []
    for number in range(1, length + 1):
        before = kept[-1].digest if kept else BEGINNING
        entry = Entry(
            number=number,
            at="2026-11-26T10:00:00+00:00",
            station="bench",
            operator="Ada",
            kind="ended",
            attempt=f"attempt-{number}",
            facts={"result": "done", "rate": 1.5, "place": None, "name": "École"},
            before=before,
        )
        kept.append(Kept(entry=entry, digest=entry.digest))
    return kept


def head(kept: list[Kept]) -> tuple[int, str]:
    return (kept[-1].entry.number, kept[-1].digest)


def test_a_whole_chain_has_no_fault() -> None:
    kept = chain(5)
    assert faults(kept, head=head(kept)) == []
    assert faults([], head=None) == []


def edited(kept: list[Kept]) -> list[Kept]:
    kept[2] = replace(kept[2], entry=replace(kept[2].entry, facts={"result": "failed"}))
    return kept


def edited_with_its_digest(kept: list[Kept]) -> list[Kept]:
    entry = replace(kept[2].entry, operator="Eve")
    kept[2] = Kept(entry=entry, digest=entry.digest)
    return kept


def one_left_out(kept: list[Kept]) -> list[Kept]:
    return [*kept[:2], *kept[3:]]


def one_left_out_and_the_rest_counted_anew(kept: list[Kept]) -> list[Kept]:
    moved = [replace(each.entry, number=each.entry.number - 1) for each in kept[3:]]
    return [*kept[:2], *(Kept(entry=entry, digest=entry.digest) for entry in moved)]


def the_end_cut_off(kept: list[Kept]) -> list[Kept]:
    return kept[:-1]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (edited, "entry 3 was changed"),
        (edited_with_its_digest, "entry 4 does not follow"),
        (one_left_out, "between entries 2 and 4 something is missing"),
        (one_left_out_and_the_rest_counted_anew, "entry 3 does not follow"),
        (the_end_cut_off, "the end is missing"),
    ],
)
def test_whatever_was_done_to_it_is_seen(change: Callable[[list[Kept]], list[Kept]], said: str) -> None:
    kept = chain(5)
    end = head(kept)
    assert any(said in fault for fault in faults(change(kept), head=end))


def test_the_digest_covers_everything() -> None:
    entry = chain(1)[0].entry
    others = {
        "number": 2,
        "at": "later",
        "station": "other",
        "operator": "Eve",
        "kind": "started",
        "attempt": "x",
        "facts": {},
        "before": "f" * 64,
    }
    digests = {replace(entry, **{name: value}).digest for name, value in others.items()}  # type: ignore[arg-type]
    assert len(digests | {entry.digest}) == len(others) + 1
