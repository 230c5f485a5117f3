"""Entries of a ledger as they come back from it."""

from __future__ import annotations

from collections.abc import Sequence

from builder.ledger.chain import BEGINNING, Entry, Facts, Kept

Thing = tuple[str, str, Facts]
"""Kind, attempt and facts of an entry."""


def chain_of(things: Sequence[Thing]) -> list[Kept]:
    kept: list[Kept] = []
    for number, (kind, attempt, facts) in enumerate(things, 1):
        entry = Entry(
            number=number,
            at=f"2026-11-26T10:{number:02}:00+00:00",
            station="bench",
            operator="Ada",
            kind=kind,
            attempt=attempt,
            facts=facts,
            before=kept[-1].digest if kept else BEGINNING,
        )
        kept.append(Kept(entry=entry, digest=entry.digest))
    return kept


def entries_of(*things: Thing) -> list[Entry]:
    return [kept.entry for kept in chain_of(things)]


def card(name: str, result: str | None, code: str = "", **facts: str | int | None) -> list[Thing]:
    """All that is written down about one card."""
    things: list[Thing] = [("started", name, {"batch": "b1", "target": f"/dev/{name}", **facts})]
    if code:
        things.append(("reserved", name, {"code": code, "facility": f"School of {name}"}))
    if result:
        things.append(("ended", name, {"result": result, "reason": "" if result == "done" else f"it {result}"}))
    return things
