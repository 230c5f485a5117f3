"""One card on its way: unsealed, probed, written, read back, named, sealed. It knows nothing of other cards.

The seals (see `card_plan`) go first and come last. In between a card has no partition table and no boot code, so one
that was pulled out half-way, or failed, or whose end nobody wrote down, never starts.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from builder.disk.extents import Extent
from builder.flash.card_plan import CardPlan, plan_keeping, plan_whole, require_fit
from builder.flash.chunk import Chunk, total
from builder.flash.keeping import Keeping
from builder.flash.medium import Medium, MediumError
from builder.flash.overlay import Patch
from builder.flash.pen import Pen
from builder.flash.probe import probe
from builder.flash.pulse import Phase, Pulse
from builder.flash.source.spool import Spool
from builder.units import format_size

_SAMPLE_EVERY: Final = 16


class Verify(StrEnum):
    """How much of a card is read back."""

    FULL = "full"
    SAMPLE = "sample"
    NONE = "none"


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """What is to be done with every card of a batch."""

    spool: Spool
    verify: Verify = Verify.FULL
    probe: bool = True
    wipe: bool = False
    """Also make zeros of everything that the image does not name: nothing of a card's former life remains."""
    changed_only: bool = False
    """Read first, and write only what differs."""
    look_only: bool = False
    """Read and compare, and write nothing."""
    keeping: Keeping | None = None
    """The cards are those of devices in use, which keep what is valuable."""
    unchanged: Callable[[], None] = lambda: None
    """Raises if the image is not the one any more that was checked."""
    seed_at: Extent | None = None
    """Where an identity goes."""


Give = Callable[[], bytes | None]
"""Who this card becomes: the text of its seed, or none. Asked once, when everything else is proved."""


def travel(
    medium: Medium,
    order: Order,
    pulse: Pulse,
    *,
    cancelled: threading.Event,
    give: Give = lambda: None,
    commit: Callable[[], None] = lambda: None,
) -> None:
    """Take one card all the way. When this returns, it is done; otherwise it does not start.

    Args:
        medium: The card.
        order: What is to be done.
        pulse: Shows how far it is.
        cancelled: Set when the batch is over.
        give: Names the card.
        commit: Called at the very end. If it raises, the card is not done, and does not start.

    Raises:
        MediumError: the card failed.
        Interrupted: the batch is over.
        SatchelError: the image is damaged, or the card could not be named.
    """
    require_fit(medium, order.spool)
    pen = Pen(medium, order.spool, pulse, cancelled)
    plan = _plan(pen, order)
    pen.patches = plan.patches
    try:
        _make(pen, pulse, order, plan, give)
        commit()
        pulse.enter(Phase.DONE)
    except BaseException:
        if pulse.touched:
            _break_seals(medium, plan)
        raise


def rehearse(medium: Medium, order: Order) -> None:
    """Find out whether a card may be taken on its way at all, without writing to it.

    Raises:
        MediumError: it is too small, cannot be read, or does not have what is to be kept.
        SatchelError: the image is damaged.
    """
    require_fit(medium, order.spool)
    _plan(Pen(medium, order.spool, Pulse(), threading.Event()), order)


def compare(
    medium: Medium, order: Order, pulse: Pulse, *, cancelled: threading.Event, own: Sequence[Patch] = ()
) -> None:
    """Compare a card with what it should be, and write nothing.

    Args:
        medium: The card.
        order: What was to be done with it.
        pulse: Shows how far it is.
        cancelled: Set when the batch is over.
        own: What is right on this card, because it is its own: its seed.

    Raises:
        MediumError: it cannot be read, or differs.
        Interrupted: the batch is over.
        SatchelError: the image is damaged.
    """
    require_fit(medium, order.spool)
    pen = Pen(medium, order.spool, pulse, cancelled)
    plan = _plan(pen, order)
    pen.patches = (*plan.patches, *own)
    pieces = sorted((*plan.pieces, *plan.seals), key=lambda piece: piece.offset)
    pulse.enter(Phase.COMPARING, total(pieces))
    different = []
    for piece in pieces:
        if not pen.is_as_it_should_be(piece):
            different.append(piece)
        pen.beat(piece.length)
    order.unchanged()
    if different:
        size = format_size(total(different))
        raise MediumError("compare", f"{size} are in pieces that differ from the image", offset=different[0].offset)


def _plan(pen: Pen, order: Order) -> CardPlan:
    head = pen.head_of_image()
    if order.keeping:
        return plan_keeping(pen.medium, order.spool, head, order.keeping, pen.theirs)
    return plan_whole(pen.medium, order.spool, head, wipe=order.wipe)


def _make(pen: Pen, pulse: Pulse, order: Order, plan: CardPlan, give: Give) -> None:
    if order.changed_only:
        _write_changes(pen, pulse, plan)
    else:
        _write_all(pen, pulse, order, plan)
    pulse.enter(Phase.FLUSHING)
    pen.flush()
    _verify(pen, pulse, order.verify, plan.pieces)
    pulse.enter(Phase.NAMING)
    seed = give()
    if seed is not None and order.seed_at is not None:
        # A card of which nothing had to be written is still sealed.
        _unseal(pen, plan)
        own = Patch(offset=order.seed_at.start, data=seed)
        pen.put_own(own)
        # It may lie within a seal, which is written after it.
        pen.patches = (*pen.patches, own)
    pulse.enter(Phase.SEALING)
    order.unchanged()
    for patch in plan.second_table:
        pen.put_own(patch)
    for seal in plan.seals:
        pen.put(seal)
        pen.flush()
        if order.verify is not Verify.NONE:
            pen.prove(seal)


def _write_all(pen: Pen, pulse: Pulse, order: Order, plan: CardPlan) -> None:
    pulse.enter(Phase.PROBING)
    _unseal(pen, plan)
    if plan.whole and order.probe:
        probe(pen.medium, pen.ours, pen.beat)
    if plan.whole:
        # A card that knows what does not matter writes faster, and does not wear by copying it about.
        pen.discard_all()
    for extent in plan.blank:
        pen.wipe(extent)
    pulse.enter(Phase.WRITING, total(plan.pieces))
    for piece in plan.pieces:
        pen.put(piece)


def _write_changes(pen: Pen, pulse: Pulse, plan: CardPlan) -> None:
    """Read, compare, write what differs. At the first difference the card loses its seals."""
    pulse.enter(Phase.COMPARING, total(plan.pieces))
    sealed = True
    for piece in plan.pieces:
        if pen.is_as_it_should_be(piece):
            pen.beat(piece.length)
            continue
        if sealed:
            _unseal(pen, plan)
            sealed = False
        pen.put(piece)


def _unseal(pen: Pen, plan: CardPlan) -> None:
    for patch in plan.second_before:
        pen.put_own(patch)
    for seal in plan.seals:
        pen.wipe(Extent(seal.offset, seal.length))
    pen.flush()


def _break_seals(medium: Medium, plan: CardPlan) -> None:
    """As good as it goes: the card may be gone, and what it was taken for before does not matter any more."""
    block = medium.block_bytes
    with suppress(MediumError):
        for seal in reversed(plan.seals):
            medium.zero(seal.offset, -(-seal.length // block) * block)
        medium.flush()


def _verify(pen: Pen, pulse: Pulse, verify: Verify, pieces: Sequence[Chunk]) -> None:
    if verify is Verify.NONE:
        return
    chosen = pieces if verify is Verify.FULL else tuple(pieces)[::_SAMPLE_EVERY]
    pulse.enter(Phase.VERIFYING, total(chosen))
    for piece in chosen:
        pen.prove(piece)
