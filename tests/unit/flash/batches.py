"""Batches of cards in memory, with a real ledger."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from builder.disk.extents import Extent
from builder.flash import fleet
from builder.flash.chunk import CHUNK
from builder.flash.fleet import Batch
from builder.flash.journey import Order
from builder.flash.medium import Medium
from builder.flash.naming import Namer
from builder.flash.source.spool import Spool
from builder.flash.targets import Target
from builder.ledger.history import Attempt, attempts_of
from builder.ledger.ledger import Ledger
from builder.units import KIB, MIB

from .media import Card, patterned, spool_of
from .rows import ROOM

SIZE = 8 * MIB
SEED_AT = Extent(CHUNK + 4096, ROOM)
_PATIENCE_S = 30
"""When a test that hangs gives up."""


@cache
def image() -> bytes:
    """One whole chunk, which is the seal, and a part of another one."""
    return patterned(CHUNK + 256 * KIB)


def batch_of(tmp_path: Path, ledger: Ledger, *, namer: Namer | None = None, spool: Spool | None = None) -> Batch:
    order = Order(spool=spool or spool_of(image(), tmp_path), probe=False, seed_at=SEED_AT if namer else None)
    return Batch(order=order, ledger=ledger, namer=namer, facts={"batch": "b1"}, stall_s=30)


@dataclass(frozen=True, slots=True, kw_only=True)
class InMemory(Target):
    """A target that is not on this machine."""

    medium: Medium

    def open(self) -> Medium:
        return self.medium


def begun(medium: Card, batch: Batch, name: str = "card", *, slot: str = "") -> fleet.Card:
    target = InMemory(name=name, path=Path("/nowhere"), size_bytes=medium.size_bytes, medium=medium)
    return fleet.Card(target, batch, slot=slot)


@dataclass
class Hanging(Card):
    """It does not return from writing somewhere, until it is let go."""

    hangs_at: int = 0
    hangs: threading.Event = field(default_factory=threading.Event)
    let_go: threading.Event = field(default_factory=threading.Event)

    def write(self, offset: int, data: memoryview) -> None:
        if offset == self.hangs_at:
            self.hangs.set()
            self.let_go.wait(_PATIENCE_S)
        super().write(offset, data)


def age(card: fleet.Card) -> None:
    """As if it had not finished anything for long."""
    card.pulse.beat_s -= 100


def ended(card: fleet.Card) -> None:
    """Wait for its thread, which may go on after its result stands."""
    card._thread.join(_PATIENCE_S)
    assert not card._thread.is_alive()


def until(true: Callable[[], bool]) -> None:
    deadline = time.monotonic() + _PATIENCE_S
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.002)


@contextmanager
def patience() -> Iterator[Callable[[], None]]:
    """Something to call again and again, so that a test that would never end fails."""
    deadline = time.monotonic() + _PATIENCE_S

    def check() -> None:
        assert time.monotonic() < deadline, "it does not end"

    yield check


def starts(card: Card) -> bool:
    return bytes(card.data[:512]) == image()[:512]


def attempts(ledger: Ledger) -> dict[str, Attempt]:
    return {attempt.id: attempt for attempt in attempts_of(kept.entry for kept in ledger.entries())}


def kinds(ledger: Ledger, card: fleet.Card) -> list[str]:
    """What the ledger has about a card, in its order."""
    return [kept.entry.kind for kept in ledger.entries() if kept.entry.attempt == card.attempt]
