"""The chain: each entry bears a digest over itself and the digest before it. Pure.

It shows that a record was changed, left out or put in afterwards. It does not keep somebody who can write to the
database from making a whole new chain; for that, write the newest digest down somewhere else (`satchel ledger verify`
prints it, the batch report bears it, and `verify --head` compares).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final

BEGINNING: Final = "0" * 64
"""What the first entry names as the digest before it."""

Fact = str | int | float | bool | None
Facts = Mapping[str, Fact]


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One thing that happened."""

    number: int
    """Its place in the chain, from 1 on."""
    at: str
    """When: UTC, by the clock of the station (ISO 8601)."""
    station: str
    """The name of the machine."""
    operator: str
    kind: str
    """`started`, `reserved` or `ended`."""
    attempt: str
    """What all entries about one card share."""
    facts: Facts = field(default_factory=dict)
    before: str
    """The digest of the entry before it."""

    @property
    def digest(self) -> str:
        """SHA-256 of everything in it, in a form that does not depend on the database."""
        everything = [
            *(self.number, self.at, self.station, self.operator),
            *(self.kind, self.attempt, self.facts, self.before),
        ]
        text = json.dumps(everything, sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False)
        return hashlib.sha256(text.encode()).hexdigest()


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """An entry as the database has it, with the digest that was kept beside it."""

    entry: Entry
    digest: str


def faults(kept: Iterable[Kept], *, head: tuple[int, str] | None) -> list[str]:
    """What is wrong with a chain, in its order; nothing if it is whole.

    Args:
        kept: All entries, by their number.
        head: Number and digest of the newest entry as the database keeps them apart; none for an empty one.
    """
    found, before, number = [], BEGINNING, 0
    for each in kept:
        number += 1
        if each.entry.number != number:
            found.append(f"between entries {number - 1} and {each.entry.number} something is missing")
            number, before = each.entry.number, each.entry.before
        if each.entry.digest != each.digest:
            found.append(f"entry {number} was changed after it was written")
        elif each.entry.before != before:
            found.append(f"entry {number} does not follow the one before it")
        before = each.digest
    if head != ((number, before) if number else None):
        found.append("the end is missing: the newest entry is not the one that was written last")
    return found
