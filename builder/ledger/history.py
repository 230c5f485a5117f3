"""From entries to attempts: one line for each card that was begun. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

from builder.ledger.chain import Entry, Fact

UNFINISHED = "unfinished"
"""The result of an attempt whose end nobody wrote down: it is in work, or the flasher died."""


@dataclass(slots=True)
class Attempt:
    """One card: what was begun with it, and how that ended. Sizes in bytes, rates in bytes per second."""

    id: str
    at: str
    station: str
    operator: str
    facts: dict[str, Fact] = field(default_factory=dict)

    def get(self, name: str) -> str:
        """A fact as a text; nothing where there is none."""
        value = self.facts.get(name)
        return "" if value is None else str(value)

    @property
    def result(self) -> str:
        """`done`, `failed`, `stalled`, `interrupted` or `unfinished`."""
        return self.get("result") or UNFINISHED

    @property
    def code(self) -> str:
        """The code that was given to it, for better or worse."""
        return self.get("code")

    @property
    def slow(self) -> bool:
        """Whether it was much slower than the others of its batch."""
        return bool(self.facts.get("slow"))

    @property
    def burnt(self) -> bool:
        """Whether it took a code with it that no device has."""
        return bool(self.code) and self.result != "done"


def attempts_of(entries: Iterable[Entry]) -> tuple[Attempt, ...]:
    """All attempts, in the order in which they were begun. What is said later counts."""
    found: dict[str, Attempt] = {}
    for entry in entries:
        attempt = found.setdefault(entry.attempt, Attempt(entry.attempt, entry.at, entry.station, entry.operator))
        attempt.facts |= entry.facts
    return tuple(found.values())


def in_batch(attempts: Iterable[Attempt], batch: str | None) -> tuple[Attempt, ...]:
    """The attempts of one batch, by the beginning of its name; of the newest one for `last`; all without one."""
    everything = tuple(attempts)
    if batch is None:
        return everything
    if batch == "last":
        batch = next((each.get("batch") for each in reversed(everything) if each.get("batch")), "none")
    return tuple(attempt for attempt in everything if attempt.get("batch").startswith(batch))


@dataclass(frozen=True, slots=True, kw_only=True)
class Count:
    """How many cards became what."""

    results: dict[str, int]
    """By result."""
    given: int
    """Codes that a device has."""
    burnt: int
    """Codes that nobody has and nobody gets any more."""


def count(attempts: Iterable[Attempt]) -> Count:
    """Count attempts by their results."""
    everything = tuple(attempts)
    return Count(
        results=dict(Counter(attempt.result for attempt in everything).most_common()),
        given=sum(bool(attempt.code) and not attempt.burnt for attempt in everything),
        burnt=sum(attempt.burnt for attempt in everything),
    )
