"""All cards of a batch, each in a thread of its own, and somebody who watches over them.

A thread that waits for a card may wait for ever: the kernel has no way to call it back. So nobody waits for such a
thread. The watchdog declares the card stalled, the batch goes on without it, and the process ends over its head.
"""

from __future__ import annotations

import logging
import threading
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Final

from builder.errors import FlashRefused, SatchelError
from builder.flash.journey import Order, compare, travel
from builder.flash.medium import Medium, MediumError
from builder.flash.naming import Given, Namer
from builder.flash.pace import pace_of
from builder.flash.pulse import Interrupted, Phase, Pulse
from builder.flash.result import Result
from builder.flash.seed_on_card import seed_on
from builder.flash.targets import Target
from builder.ledger.chain import Facts
from builder.ledger.history import attempts_of
from builder.ledger.ledger import Ledger

_log: Final = logging.getLogger(__name__)

LOOK_S: Final = 0.1
"""How often the watcher looks."""
_GRACE_S: Final = 5.0
"""How long an interrupted batch waits for cards to stop."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """What all cards share."""

    order: Order
    ledger: Ledger
    namer: Namer | None
    facts: Facts
    """What stands in the ledger of every card: the batch, the image, how much is verified."""
    again: bool = False
    """Also cards that were done before."""
    stall_s: float
    """A card that finishes nothing for so long is given up."""
    cancelled: threading.Event = field(default_factory=threading.Event)
    rates: dict[str, float | None] = field(default_factory=dict)
    """How fast each attempt was written, as far as anybody can tell yet; kept by whoever watches."""


class Card:
    """One card in work."""

    def __init__(self, target: Target, batch: Batch, *, slot: str = "") -> None:
        self.target = target
        self.slot = slot
        self.pulse = Pulse()
        self.attempt = str(uuid.uuid4())
        self.result: Result | None = None
        self._batch = batch
        self._given: Given | None = None
        self._found = ""
        self._over = False
        self._ending = threading.Lock()
        self._began_s = time.monotonic()
        self._thread = threading.Thread(target=self._live, name=target.name, daemon=True)
        self._thread.start()

    def watch(self) -> bool:
        """Whether it is over; one that stands still is, from now on."""
        pulse = self.pulse
        self._batch.rates[self.attempt] = pulse.rate(Phase.WRITING)
        if not self._over and not pulse.waits and time.monotonic() - pulse.beat_s > self._batch.stall_s:
            pulse.abandoned = True
            where = f" at byte {pulse.at:,}" if pulse.at is not None else ""
            reason = f"nothing was finished{where} for {self._batch.stall_s:.0f} s: pull the card out"
            self._end(Phase.STALLED, reason, pulse.at)
        return self.result is not None

    @property
    def serial(self) -> str:
        """What the card says of itself; nothing where it says nothing."""
        return self.target.disk.serial if self.target.disk else ""

    @property
    def code(self) -> str:
        """Who it becomes, as soon as that is decided."""
        return self._given.code if self._given else self._found

    @property
    def pace(self) -> float | None:
        """Its rate as a share of what the others of its batch reach."""
        return pace_of(self.attempt, self._batch.rates.copy())

    def give_up(self) -> None:
        """The batch was interrupted, and the card did not stop in time."""
        self.pulse.abandoned = True
        self._end(Phase.INTERRUPTED, "interrupted")

    def _live(self) -> None:
        try:
            self._go()
        except Interrupted:
            self._end(Phase.INTERRUPTED, "interrupted")
        except MediumError as error:
            self._end(Phase.FAILED, str(error), error.offset)
        except SatchelError as error:
            whole = " ".join(filter(None, (error.message, error.details)))
            self._end(Phase.FAILED, "; ".join(line.strip() for line in whole.splitlines()))
        except Exception as error:
            # A bug here, or a disk of this machine that fails, must end this card and be seen; not hang the batch.
            _log.exception("%s", self.target.name)
            self._end(Phase.FAILED, f"{type(error).__name__}: {error}")

    def _go(self) -> None:
        batch = self._batch
        self._write_down("started", {**batch.facts, **self._described()})
        medium = self.target.open()
        try:
            if batch.order.look_only:
                self._compare(medium)
            else:
                self._require_new(medium)
                travel(medium, batch.order, self.pulse, cancelled=batch.cancelled, give=self._give, commit=self._commit)
        except BaseException:
            if self.target.new:
                # A file that was made here and is not whole is of no use to anybody.
                self.target.path.unlink(missing_ok=True)
                self.pulse.touched = False
            raise
        finally:
            medium.close()

    def _compare(self, medium: Medium) -> None:
        """What makes the card somebody is right, whoever that is."""
        place = self._batch.order.seed_at
        found = seed_on(medium, place) if place else None
        if found:
            self._found = found.seed.code or ""
        compare(
            medium,
            self._batch.order,
            self.pulse,
            cancelled=self._batch.cancelled,
            own=[found.patch] if found else (),
        )
        self._end(Phase.SAME)

    def _require_new(self, medium: Medium) -> None:
        """Refuse a card that is somebody by this ledger: a finished one was put in again. One that failed may be."""
        place = self._batch.order.seed_at
        found = seed_on(medium, place) if place and not self._batch.again else None
        if found and found.seed.code and found.seed.code in _codes_of_devices(self._batch.ledger):
            raise FlashRefused(f"this card is {found.seed.code} already (--again makes it another one)")

    def _commit(self) -> None:
        """Write down that it is done; a card that was given up must not go out.

        Raises:
            LedgerError: it could not be written down: then it must not go out, either.
        """
        if not self._end(Phase.DONE):
            raise Interrupted

    def _give(self) -> bytes | None:
        batch = self._batch
        if batch.namer is None:
            return None
        with self._no_fault_of_the_card():
            self._given = batch.namer.give(batch.ledger, self.attempt, slot=self.slot, serial=self.serial)
        return self._given.seed

    def _end(self, phase: Phase, reason: str = "", offset: int | None = None) -> bool:
        """How it ended, for the ledger and for whoever waits; the first word counts. Whether this was it."""
        with self._ending:
            if self._over:
                return False
            self._over = True
        pulse = self.pulse
        result = Result(
            target=self.target.name,
            attempt=self.attempt,
            phase=phase,
            busy=pulse.last,
            reason=reason,
            offset=offset,
            code=self.code,
            touched=pulse.touched,
            written_bytes=pulse.written_bytes,
            write_rate=pulse.rate(Phase.WRITING),
            verify_rate=pulse.rate(Phase.VERIFYING),
            pace=self.pace,
            seconds=round(time.monotonic() - self._began_s, 1),
        )
        try:
            self._write_down("ended", ending(result))
        except SatchelError as error:
            if phase is Phase.DONE:
                # Not over yet: its seals are still to be broken, and whoever waits for it may end the process.
                self._over = False
                raise
            if error.message not in reason:
                reason = f"{reason}; {error.message}".removeprefix("; ")
            result = replace(result, phase=Phase.FAILED, reason=reason)
        self.result = result
        pulse.enter(result.phase)
        return True

    def _write_down(self, kind: str, facts: Facts) -> None:
        with self._no_fault_of_the_card():
            self._batch.ledger.add(kind, self.attempt, facts)

    @contextmanager
    def _no_fault_of_the_card(self) -> Iterator[None]:
        """What takes its time now is another machine."""
        self.pulse.waits = True
        try:
            yield
        finally:
            self.pulse.beat()

    def _described(self) -> dict[str, str | int | None]:
        disk = self.target.disk
        return {
            "target": self.target.name,
            "slot": self.slot,
            "place": disk.place if disk else "",
            "model": disk.model if disk else "file",
            "serial": self.serial,
            "size_bytes": self.target.size_bytes,
        }


def _codes_of_devices(ledger: Ledger) -> frozenset[str]:
    """All codes that were given away and are not burnt."""
    attempts = attempts_of(kept.entry for kept in ledger.entries())
    return frozenset(attempt.code for attempt in attempts if not attempt.burnt)


def ending(result: Result) -> dict[str, str | int | float | None]:
    """What the ledger keeps of how a card ended; its code stands there already. Rates in bytes per second."""
    return {
        "result": str(result.phase),
        "while": str(result.busy),
        "reason": result.reason,
        "offset": result.offset,
        "written_bytes": result.written_bytes,
        "write_rate": _rounded(result.write_rate),
        "verify_rate": _rounded(result.verify_rate),
        "pace": None if result.pace is None else round(result.pace, 2),
        "slow": result.slow,
        "seconds": result.seconds,
    }


def _rounded(rate: float | None) -> int | None:
    return None if rate is None else round(rate)


def watch_all(cards: Sequence[Card], batch: Batch, look: Callable[[Sequence[Card]], None]) -> None:
    """Watch cards until all are over, and show how they do. Whatever interrupts this ends them promptly.

    Args:
        cards: Cards in work.
        batch: Theirs.
        look: Called again and again, to show them.
    """
    try:
        # Every one of them must be looked at, every time.
        while sum(card.watch() for card in cards) < len(cards):
            look(cards)
            time.sleep(LOOK_S)
    except BaseException:
        stop(cards, batch)
        raise
    finally:
        look(cards)


def stop(cards: Sequence[Card], batch: Batch) -> None:
    """End what can be ended, and give up the rest."""
    batch.cancelled.set()
    until = time.monotonic() + _GRACE_S
    while time.monotonic() < until and any(card.result is None for card in cards):
        time.sleep(LOOK_S)
    for card in cards:
        card.give_up()
