"""Verbs about cards as such: which there are, and what they are worth."""

from __future__ import annotations

import json
import sys
from argparse import Namespace
from typing import Final

from builder.errors import FlashFailed, FlashRefused
from builder.flash.choosing import Rules, refusals
from builder.flash.disks import disks
from builder.flash.media_test import test_medium
from builder.flash.medium import MediumError
from builder.flash.targets import understand
from builder.options import Parser, Verbs
from builder.progress import reporter_for
from builder.units import MIB, format_size
from builder.verbs.rules import allow, confirm, rules_of

_RATES: Final = "{write:.1f} MiB/s written, {read:.1f} MiB/s read"


def declare(family: Verbs) -> None:
    """Add the verbs of this module."""
    text = "show the disks of this machine, where they are plugged in, and which may be flashed"
    verb = family.add("disks", show, text, "disks", "disks --json")
    allow(verb)
    verb.speaks_json()

    text = "write a whole card and read it back: how much of it is real; everything on it is lost"
    verb = family.add("media-test", test, text, "media-test /dev/sdb", "media-test /dev/sdb --yes --json")
    _takes_target(verb)
    allow(verb)
    verb.add_argument("--yes", action="store_true", help="ask nothing")
    verb.shows_progress()
    verb.speaks_json()


def _takes_target(verb: Parser) -> None:
    verb.add_argument("target", metavar="TARGET", help="a whole disk, or a file that is there")


def show(arguments: Namespace) -> int:
    """Show disks."""
    found = [(disk, refusals(disk, rules_of(arguments))) for disk in disks() if disk.size_bytes or disk.removable]
    if arguments.json:
        rows = [
            {
                "path": str(disk.path),
                "place": disk.place,
                "size_bytes": disk.size_bytes,
                "model": disk.model,
                "serial": disk.serial,
                "refused": [str(refusal) for refusal in reasons],
            }
            for disk, reasons in found
        ]
        print(json.dumps(rows, indent=1))
        return 0
    for disk, reasons in found:
        print(f"{disk.path}  {disk.place}  {format_size(disk.size_bytes)}  {disk.called}")
        for refusal in reasons:
            print(f"    not flashed: {refusal}")
        if not reasons:
            print("    may be flashed")
    return 0


def test(arguments: Namespace) -> int:
    """Test a card."""
    rules: Rules = rules_of(arguments)
    (target,) = understand([arguments.target], rules)
    if target.new:
        raise FlashRefused(f"there is no {target.path}")
    print(f"{target.name}: {target.called}", file=sys.stderr)
    confirm(f"everything on {target.name}", yes=arguments.yes)
    reporter = reporter_for(arguments.progress)
    try:
        medium = target.open()
        try:
            size = medium.size_bytes
            with reporter.amount("write", size) as wrote, reporter.amount("read back", size) as read:
                found = test_medium(medium, wrote=wrote, read=read)
        finally:
            medium.close()
    except MediumError as error:
        raise FlashFailed(f"{target.name}: {error}") from error
    facts = {
        "size_bytes": found.size_bytes,
        "bad_bytes": found.bad_bytes,
        "changed_bytes": found.changed_bytes,
        "overwritten_bytes": found.overwritten_bytes,
        "unwritten_bytes": found.unwritten_bytes,
        "unreadable_bytes": found.unreadable_bytes,
        "first_bad": found.first_bad,
        "write_rate": round(found.write_rate),
        "read_rate": round(found.read_rate),
        "verdict": found.verdict,
    }
    rates = _RATES.format(write=found.write_rate / MIB, read=found.read_rate / MIB)
    if arguments.json:
        print(json.dumps(facts, indent=1))
    elif not found.bad_bytes:
        print(f"{target.name}: {found.verdict}; {rates}")
    if found.bad_bytes:
        sizes = f"{format_size(found.bad_bytes)} of {format_size(found.size_bytes)}"
        where = f"{sizes} are bad, the first of them at byte {found.first_bad:,}"
        raise FlashFailed(f"{target.name}: {found.verdict}", details=f"{where}\n{rates}", hint="do not use this card")
    return 0
