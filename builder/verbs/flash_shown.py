"""How a flash is shown: the plan, the cards in work, and how it ended."""

from __future__ import annotations

import json
import sys
from argparse import Namespace
from collections.abc import Sequence

from builder.errors import FlashFailed, SatchelError
from builder.flash.chunk import total
from builder.flash.fleet import Batch, Card, ending
from builder.flash.journey import Order
from builder.flash.keeping import Keeping
from builder.flash.pace import SLOW
from builder.flash.result import Result
from builder.flash.source.image import Source
from builder.flash.station import Bay
from builder.flash.targets import Target
from builder.progress import Board
from builder.recipe.problems import shown
from builder.units import MIB, format_duration, format_size


def plan_of(batch: Batch, source: Source) -> dict[str, str]:
    """What is the same for all cards, for people."""
    spool, namer, ledger = batch.order.spool, batch.namer, batch.ledger
    return {
        "image": str(source.path),
        "sha256": source.sha256,
        "signed by": source.signer or "nobody",
        "size": format_size(spool.size_bytes),
        **_work(batch.order),
        "sites": f"{shown(namer.file)}, {len({site.code for site in namer.sites} - ledger.reserved())} rows free"
        if namer
        else "none: devices choose for themselves",
        **_kept(batch.order.keeping),
        "ledger": ledger.called,
    }


def _work(order: Order) -> dict[str, str]:
    size = format_size(total(order.spool.chunks))
    return {"to compare": size} if order.look_only else {"to write": size, "read back": str(order.verify)}


def _kept(keeping: Keeping | None) -> dict[str, str]:
    if keeping is None:
        return {}
    return {
        "kept": ", ".join(record.name for record in keeping.kept),
        "replaced": ", ".join(record.name for record in keeping.replaced),
    }


def show_plan(arguments: Namespace, facts: dict[str, str], targets: Sequence[Target], bays: Sequence[Bay]) -> None:
    """What is going to be done, on standard error; a dry run for programs has it as its result."""
    if arguments.json and arguments.dry_run:
        rows = [{"target": target.name, "path": str(target.path), "called": target.called} for target in targets]
        print(json.dumps({**facts, "targets": rows, "slots": [bay.slot.name for bay in bays]}, indent=1))
        return
    for name, value in facts.items():
        print(f"{name:>10}  {value}", file=sys.stderr)
    for target in targets:
        print(f"{'target':>10}  {target.name}: {target.described}", file=sys.stderr)
    for bay in bays:
        print(f"{'slot':>10}  {bay.slot.name}: {bay.slot.place}", file=sys.stderr)


def show_cards(cards: Sequence[Card], board: Board, told: set[str]) -> None:
    """How cards do; of each that is over, once, how it ended. `told` holds the attempts that were told."""
    for card in cards:
        pulse, result, name = card.pulse, card.result, card.target.name
        if result is None:
            pace = card.pace
            remark = f"slow: {pace:.0%} of what is usual" if pace and pace < SLOW else ""
            amount = {"done": pulse.done_bytes, "total": pulse.total_bytes}
            board.show(name, str(pulse.phase), **amount, slot=card.slot, remark=remark)
        elif card.attempt not in told:
            told.add(card.attempt)
            board.show(name, str(result.phase), slot=card.slot)
            board.tell(name, _said(result), ok=result.done, slot=card.slot, code=result.code, **ending(result))


def _said(result: Result) -> str:
    if not result.done:
        return f"{result.phase} while {result.busy}: {result.reason}"
    rates = [
        f"{name} {rate / MIB:.1f} MiB/s"
        for name, rate in (("written at", result.write_rate), ("read back at", result.verify_rate))
        if rate
    ]
    slow = [f"slow: {result.pace:.0%} of what is usual"] if result.pace and result.slow else []
    name = f"{result.code} {result.phase}".strip()
    return ", ".join([f"{name} in {format_duration(result.seconds)}", *rates, *slow])


def show_summary(results: Sequence[Result], arguments: Namespace) -> None:
    """What scripts read; people have seen it already."""
    if arguments.json:
        rows = [{"target": each.target, "attempt": each.attempt, "code": each.code, **ending(each)} for each in results]
        print(json.dumps({"done": sum(each.done for each in results), "cards": rows}, indent=1))


def verdict_on(results: Sequence[Result], arguments: Namespace, *, image: SatchelError | None) -> int:
    """The end of a batch.

    Args:
        results: What became of each card.
        arguments: How to show it.
        image: What was wrong with the image, if anything was.

    Raises:
        FlashFailed: not every card is done.
    """
    show_summary(results, arguments)
    bad = [result for result in results if not result.done]
    if bad:
        raise FlashFailed(
            f"{len(bad)} of {len(results)} cards are not done",
            details="\n".join(f"{result.target}: {_said(result)}" for result in bad),
            hint=_advice(bad, image),
        )
    if not arguments.json:
        print(f"{len(results)} of {len(results)} cards are done")
    return 0


def _advice(bad: Sequence[Result], image: SatchelError | None) -> str:
    touched = ", ".join(result.target for result in bad if result.touched)
    if image:
        rest = f"; these do not start until they are flashed again: {touched}" if touched else ""
        return f"the image is at fault, and not the cards: {image.hint or image.message}{rest}"
    if touched:
        return f"these do not start; flash them again, or throw them away: {touched}"
    return "nothing was written to them"
