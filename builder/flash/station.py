"""A station: slots that are armed. A card that is put into one is flashed; pull it out, and put the next one in.

Only what lies in an armed slot is ever touched, and only a card that was put in while the station was running, or that
lay there when the operator said that it may begin.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final

from builder.errors import SatchelError
from builder.flash.choosing import Rules, refusals
from builder.flash.disks import Disk, disks
from builder.flash.fleet import Batch, Card, stop
from builder.flash.result import Result
from builder.flash.slots import Slot
from builder.flash.targets import Target

_LOOK_AT_DISKS_S: Final = 0.7
_LOOK_AT_CARDS_S: Final = 0.1


@dataclass(slots=True)
class Bay:
    """One armed slot and what lies in it."""

    slot: Slot
    here: tuple[str, int, int] | None = None
    """Number, sequence and size of the card that lies there; none while it is empty."""
    card: Card | None = None
    refused: str = ""
    """Why the card that lies there is not touched."""

    @property
    def says(self) -> str:
        """What the operator is to do."""
        if self.refused:
            return self.refused
        if self.card is None:
            return "put a card in"
        if self.card.result is None:
            return ""
        return "done: pull it out" if self.card.result.done else f"{self.card.result.phase}: pull it out"


@dataclass(slots=True)
class Station:
    """The bays, and everything that has become of cards so far."""

    batch: Batch
    rules: Rules
    bays: tuple[Bay, ...]
    most: int | None = None
    """End after so many cards that are done."""
    known: Callable[[], Iterable[Disk]] = disks
    results: list[Result] = field(default_factory=list)
    _looked_s: float = 0.0

    def run(self, look: Callable[[Sequence[Bay]], None]) -> None:
        """Work until enough cards are done and none is in work; a bad image ends it too, and whoever interrupts."""
        try:
            while not self._enough():
                self._look_at_disks()
                self._collect()
                look(self.bays)
                time.sleep(_LOOK_AT_CARDS_S)
        except BaseException:
            stop([bay.card for bay in self.bays if bay.card and bay.card.result is None], self.batch)
            raise
        finally:
            self._collect()
            look(self.bays)

    def _enough(self) -> bool:
        if any(map(self._works, self.bays)):
            return False
        if self.batch.order.spool.failure:
            return True
        done = sum(result.done for result in self.results)
        return (self.most is not None and done >= self.most) or not any(map(self._has_rows, self.bays))

    def _look_at_disks(self) -> None:
        if time.monotonic() - self._looked_s < _LOOK_AT_DISKS_S:
            return
        self._looked_s = time.monotonic()
        try:
            there = [disk for disk in self.known() if disk.size_bytes]
        except SatchelError:
            # A reader that is just being plugged in or out can make lsblk fail.
            return
        for bay in self.bays:
            # Of two disks in one place nobody can say which one is meant.
            found = [disk for disk in there if disk.place == bay.slot.place]
            self._look_into(bay, found[0] if len(found) == 1 else None)

    def _collect(self) -> None:
        for bay in self.bays:
            if bay.card and bay.card.watch() and bay.card.result and self._works(bay):
                self.results.append(bay.card.result)

    def _works(self, bay: Bay) -> bool:
        """Whether its card is in work, or has ended and nobody has seen it yet."""
        return bay.card is not None and bay.card.result not in self.results

    def _look_into(self, bay: Bay, disk: Disk | None) -> None:
        here = None if disk is None else (disk.number, disk.sequence, disk.size_bytes)
        if bay.card is not None and (here == bay.here or self._works(bay)):
            # What is in work sees by itself that its card is gone.
            return
        bay.here, bay.card, bay.refused = here, None, ""
        if disk is None:
            return
        bay.refused = self._refusal(bay, disk)
        if not bay.refused:
            target = Target(name=bay.slot.name, path=disk.path, disk=disk, size_bytes=disk.size_bytes)
            bay.card = Card(target, self.batch, slot=bay.slot.name)

    def _refusal(self, bay: Bay, disk: Disk) -> str:
        """Why a card is not touched now; it is looked at again as long as it lies there."""
        if reasons := refusals(disk, self.rules):
            return f"not touched: {reasons[0].reason}"
        if (namer := self.batch.namer) is not None:
            before = [each.card for each in self.bays if each.card and self._works(each) and not each.card.code]
            cards = [*((card.slot, card.serial) for card in before), (bay.slot.name, disk.serial)]
            if not namer.served(self.batch.ledger, cards)[-1]:
                return "not touched: no row is left for it"
        busy = sum(map(self._works, self.bays))
        done = sum(result.done for result in self.results)
        return "not needed any more" if self.most is not None and busy + done >= self.most else ""

    def _has_rows(self, bay: Bay) -> bool:
        """Whether there is a row that a card in this slot could get, or cards get none."""
        namer = self.batch.namer
        return namer is None or bool(namer.free(self.batch.ledger, slot=bay.slot.name))


def bays_of(slots: Sequence[Slot]) -> tuple[Bay, ...]:
    """An empty bay for each slot."""
    return tuple(Bay(slot=slot) for slot in slots)
