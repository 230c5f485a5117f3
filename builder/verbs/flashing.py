"""Verbs that write cards: many at once, each proved."""

from __future__ import annotations

import uuid
from argparse import Namespace
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Final

from builder.artifact import find_image
from builder.disk.extents import Extent
from builder.errors import FlashRefused, UsageError
from builder.flash.chunk import total
from builder.flash.fleet import Batch, Card, stop, watch_all
from builder.flash.journey import Order, Verify, rehearse
from builder.flash.keeping import Keeping, keeping_of
from builder.flash.medium import MediumError
from builder.flash.naming import Namer, namer_for
from builder.flash.slots import read_slots
from builder.flash.source.filling import spooled
from builder.flash.source.image import Source, look_at
from builder.flash.source.spool import Spool
from builder.flash.station import Bay, Station, bays_of
from builder.flash.targets import Target, understand
from builder.identity.matching import site_for
from builder.identity.sites import Site
from builder.ledger.chain import Fact
from builder.ledger.ledger import Ledger, Writer, default_place, open_ledger
from builder.options import Parser, Verbs
from builder.progress import reporter_for
from builder.recipe.problems import shown
from builder.verbs.common import DIST
from builder.verbs.flash_shown import plan_of, show_cards, show_plan, show_summary, verdict_on
from builder.verbs.rules import allow, confirm, rules_of

_STALL_S: Final = 10.0
_NOWHERE: Final = "sqlite://"
"""In memory."""
_CHOOSING: Final = ("code", "row", "mac")


def declare(family: Verbs) -> None:
    """Add the verbs of this module."""
    verb = family.add(
        "flash",
        flash,
        "write an image to many cards at once, and prove each of them",
        "flash kolibri-pc /dev/sdb /dev/sdc --sites sites.csv",
        "flash kolibri-pc --slots slots.yml --sites sites.csv",
        "flash download.img.xz /dev/sdb --dry-run",
        "flash kolibri-pc /dev/sdb --keep-data",
        "flash kolibri-pc disk.img",
    )
    verb.mixes = True
    verb.takes_image()
    verb.add_argument("targets", metavar="TARGET", nargs="*", help="whole disks, or files to make or to write over")
    verb.add_argument("--slots", metavar="FILE", type=Path, help="work as a station: flash whatever is put into these")
    verb.add_argument("--count", metavar="N", type=int, help="a station ends when so many cards are done")
    _says_who(verb)
    _says_how(verb)
    allow(verb)
    verb.add_argument("--dry-run", action="store_true", help="check everything, show the plan, and write nothing")
    verb.add_argument("--yes", action="store_true", help="ask nothing")
    verb.shows_progress()
    verb.speaks_json()


def _says_who(verb: Parser) -> None:
    verb.add_argument("--sites", metavar="FILE", type=Path, help="give each card the next free row of a site list")
    verb.add_argument("--code", metavar="C", help="of this list, the site with this code, for the one card there is")
    verb.add_argument("--row", metavar="N", type=int, help="the site in this row, where the header is row 1")
    verb.add_argument("--mac", metavar="M", help="the site for the machine with this address")
    verb.add_argument("--again", action="store_true", help="also cards that this ledger knows as done")
    verb.add_argument("--ledger", metavar="FILE|URL", help="where it is written down (the user's own); or PostgreSQL")
    verb.add_argument("--operator", metavar="NAME", help="who stands in the ledger (the user)")


def _says_how(verb: Parser) -> None:
    verb.add_argument("--bmap", metavar="FILE", type=Path, help="a block map that does not lie beside the image")
    verb.add_argument("--verify", choices=tuple(Verify), default=Verify.FULL, help="how much is read back (full)")
    verb.add_argument("--changed-only", action="store_true", help="read first, and write only what differs")
    text = "renew a device in use: leave what is valuable on it, and refuse a card of another image"
    verb.add_argument("--keep-data", action="store_true", help=text)
    verb.add_argument("--verify-only", action="store_true", help="compare cards with the image, and write nothing")
    verb.add_argument("--wipe", action="store_true", help="also make zeros of what the image leaves free")
    verb.add_argument("--no-probe", action="store_true", help="do not look for cards that lie about their size")
    verb.add_argument("--keyring", metavar="FILE", help="insist on a signature by one of these keys")
    verb.add_argument("--unsigned", action="store_true", help="do not check a signature that is there")
    text = f"give a card up that finishes nothing for so long ({_STALL_S:.0f})"
    verb.add_argument("--stall-after", metavar="SECONDS", type=float, default=_STALL_S, help=text)


def flash(arguments: Namespace) -> int:
    """Write cards."""
    _require_sense(arguments)
    reporter = reporter_for(arguments.progress)
    image = find_image(arguments.image, dist=DIST)
    source = look_at(
        image, reporter, block_map=arguments.bmap, keyring=arguments.keyring, signed=not arguments.unsigned
    )
    namer = _namer(arguments, source)
    with (
        _ledger(arguments) as ledger,
        spooled(source, reporter) as spool,
    ):
        rules = rules_of(arguments, needed_bytes=spool.size_bytes)
        targets = understand(arguments.targets, rules, ours=_ours(arguments, source, ledger))
        bays = bays_of(read_slots(arguments.slots)) if arguments.slots else ()
        if namer:
            _require_rows(namer, ledger, targets, bays)
        batch = _batch(arguments, source, spool, namer, ledger)
        show_plan(arguments, plan_of(batch, source), targets, bays)
        if arguments.dry_run or arguments.keep_data or arguments.verify_only:
            _rehearse(targets, batch.order)
        if arguments.dry_run:
            return 0
        names = ", ".join(f"{target.name} ({target.described})" for target in targets)
        what = f"all that is put into {', '.join(bay.slot.name for bay in bays)}" if bays else f"everything on {names}"
        harmless = arguments.verify_only or (not bays and all(target.new for target in targets))
        confirm(what, yes=arguments.yes or harmless)
        if bays:
            return _work(Station(batch=batch, rules=rules, bays=bays, most=arguments.count), arguments)
        return _fly(targets, batch, arguments)


def _require_sense(arguments: Namespace) -> None:
    if bool(arguments.targets) == bool(arguments.slots):
        raise UsageError("name targets, or the slots of a station", hint="satchel flash --help")
    chosen = any(getattr(arguments, name) is not None for name in _CHOOSING)
    if chosen and not (arguments.sites and len(arguments.targets) == 1):
        raise UsageError("--code, --row and --mac choose a site of --sites for a single card")
    if arguments.wipe and arguments.changed_only:
        raise UsageError("--changed-only leaves alone what is right, and --wipe wants everything written")
    if not arguments.stall_after > 0 or (arguments.count is not None and arguments.count < 1):
        raise UsageError("--stall-after and --count want more than nothing")
    if arguments.count and not arguments.slots:
        raise UsageError("--count is for a station with --slots")
    if arguments.keyring and arguments.unsigned:
        raise UsageError("--keyring and --unsigned contradict each other")
    if arguments.keep_data and (arguments.sites or arguments.wipe):
        raise UsageError("--keep-data keeps who a device is; it goes neither with --sites nor with --wipe")
    writes = (arguments.sites, arguments.wipe, arguments.changed_only, arguments.keep_data)
    if arguments.verify_only and any(writes):
        raise UsageError("--verify-only writes nothing; --sites, --wipe, --changed-only and --keep-data do")


def _rehearse(targets: Sequence[Target], order: Order) -> None:
    """Find out before anybody is asked which cards cannot be done."""
    wrong = []
    for target in targets:
        if target.new:
            wrong += [f"{target.name}: it is not there"] if order.keeping or order.look_only else []
            continue
        try:
            medium = target.open()
            try:
                rehearse(medium, order)
            finally:
                medium.close()
        except MediumError as error:
            wrong.append(f"{target.name}: {error}")
    if wrong:
        raise FlashRefused("nothing was written", details="\n".join(wrong))


@contextmanager
def _ledger(arguments: Namespace) -> Iterator[Ledger]:
    """The ledger; a dry run makes none where there is none."""
    place: str | None = arguments.ledger
    file = default_place() if place is None else Path(place)
    spared = arguments.dry_run and (place is None or "://" not in place) and not file.exists()
    with open_ledger(_NOWHERE if spared else place, Writer.here(arguments.operator)) as ledger:
        if spared:
            ledger.called = f"{file}, which would be made"
        yield ledger


def _ours(arguments: Namespace, source: Source, ledger: Ledger) -> tuple[Path, ...]:
    """Files that must not be written over: they are needed."""
    named = (source.path, arguments.sites, arguments.slots, arguments.bmap, Path(ledger.called))
    return tuple(path for path in named if path is not None)


def _namer(arguments: Namespace, source: Source) -> Namer | None:
    file: Path | None = arguments.sites
    if file is None:
        return None
    manifest = source.manifest
    if manifest is None or manifest.seed is None:
        what = "has no place for an identity" if manifest else "has no manifest.json beside it"
        hint = "--sites is for images of recipes with first boot, with all of dist/"
        raise UsageError(f"{source.path} {what}", hint=hint)
    namer = namer_for(file, image=manifest.recipe.name, room_bytes=manifest.seed.size_bytes)
    return replace(namer, chosen=_chosen(arguments, namer))


def _chosen(arguments: Namespace, namer: Namer) -> Site | None:
    asked = {name: getattr(arguments, name) for name in _CHOOSING}
    if all(value is None for value in asked.values()):
        return None
    site = site_for(namer.sites, **asked)
    if site is None:
        raise UsageError(f"{shown(namer.file)} has no site with the address {arguments.mac}")
    return site


def _keeping(source: Source) -> Keeping:
    if source.manifest is None:
        raise UsageError(
            f"{source.path} has no manifest.json beside it", hint="--keep-data needs to know what is valuable"
        )
    return keeping_of(source.manifest.disk)


def _require_rows(namer: Namer, ledger: Ledger, targets: Sequence[Target], bays: Sequence[Bay]) -> None:
    cards = [("", target.disk.serial if target.disk else "") for target in targets]
    free = (
        sum(namer.served(ledger, cards)) if targets else sum(bool(namer.free(ledger, slot=b.slot.name)) for b in bays)
    )
    if free < max(len(targets), 1):
        given = len({site.code for site in namer.sites} & ledger.reserved())
        what = f"{free} of {len(targets)} cards would get a row" if targets else "no row is left"
        raise FlashRefused(
            f"{shown(namer.file)}: {what}",
            details=f"{given} of {len(namer.sites)} rows were given away, by the ledger {ledger.called}",
            hint="add rows: satchel sites new; a row whose card failed needs a new code",
        )


def _batch(arguments: Namespace, source: Source, spool: Spool, namer: Namer | None, ledger: Ledger) -> Batch:
    seed = source.manifest.seed if source.manifest else None
    order = Order(
        spool=spool,
        verify=Verify(arguments.verify),
        probe=not arguments.no_probe and not arguments.changed_only,
        wipe=arguments.wipe,
        changed_only=arguments.changed_only,
        look_only=arguments.verify_only,
        unchanged=source.require_unchanged,
        keeping=_keeping(source) if arguments.keep_data else None,
        seed_at=Extent(seed.offset_bytes, seed.size_bytes) if seed and (namer or arguments.verify_only) else None,
    )
    facts: dict[str, Fact] = {
        "batch": str(uuid.uuid4()),
        "image": source.path.name,
        "sha256": source.sha256,
        "verify": "only" if arguments.verify_only else str(arguments.verify),
        "mapped_bytes": total(spool.chunks),
    }
    return Batch(
        order=order, ledger=ledger, namer=namer, facts=facts, again=arguments.again, stall_s=arguments.stall_after
    )


def _fly(targets: Sequence[Target], batch: Batch, arguments: Namespace) -> int:
    cards: list[Card] = []
    told: set[str] = set()
    with reporter_for(arguments.progress).board([target.name for target in targets]) as board:
        try:
            for target in targets:
                cards.append(Card(target, batch))  # noqa: PERF401 - one that was begun must be known when the next is interrupted
            watch_all(cards, batch, lambda _: show_cards(cards, board, told))
        except BaseException:
            stop(cards, batch)
            show_cards(cards, board, told)
            show_summary([card.result for card in cards if card.result], arguments)
            raise
    results = [card.result for card in cards if card.result]
    return verdict_on(results, arguments, image=batch.order.spool.failure)


def _work(station: Station, arguments: Namespace) -> int:
    told: set[str] = set()
    with reporter_for(arguments.progress).board([bay.slot.name for bay in station.bays]) as board:

        def look(bays: Sequence[Bay]) -> None:
            show_cards([bay.card for bay in bays if bay.card], board, told)
            for bay in bays:
                if bay.says:
                    board.show(bay.slot.name, bay.says)

        try:
            station.run(look)
        except BaseException:
            show_summary(station.results, arguments)
            raise
    return verdict_on(station.results, arguments, image=station.batch.order.spool.failure)
