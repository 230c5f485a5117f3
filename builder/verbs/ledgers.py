"""Verbs about the ledger: what was flashed, and whether the record is whole."""

from __future__ import annotations

import json
import sys
from argparse import Namespace
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from builder.errors import ArtifactError, LedgerError, UsageError
from builder.host.whole import write_whole
from builder.ledger.export import to_csv, to_json
from builder.ledger.history import Attempt, attempts_of, count, in_batch
from builder.ledger.ledger import Ledger, default_place, open_ledger
from builder.ledger.report import batch_report
from builder.options import Parser, Verbs
from builder.recipe.problems import shown

_SHOWN: Final = ("result", "code", "facility", "slot", "target", "reason")


def declare(family: Verbs) -> None:
    """Add the verbs of this module."""
    ledger = family.add(
        "ledger",
        show,
        "read the record of what was flashed",
        "ledger show --batch last",
        "ledger report --batch last --out batch.html",
        "ledger verify",
    )
    verbs = Verbs(ledger)

    verb = verbs.add("show", show, "show a line for each card", "ledger show", "ledger show --batch last --json")
    _takes_ledger(verb)
    _takes_batch(verb)
    verb.speaks_json()

    verb = verbs.add("count", show_count, "count cards by what became of them", "ledger count --batch last")
    _takes_ledger(verb)
    _takes_batch(verb)
    verb.speaks_json()

    examples: tuple[str, ...] = ("ledger export csv > cards.csv", "ledger export json --out ledger.json")
    verb = verbs.add("export", export, "write all of it down for other programs", *examples)
    verb.add_argument("format", choices=("csv", "json"), help="a row for each card, or every entry with its digest")
    _takes_ledger(verb)
    verb.add_argument("--out", metavar="FILE", type=Path, help="where to write it (standard output)")

    examples = ("ledger report --batch last --out batch.html",)
    verb = verbs.add("report", report, "make a page about a batch, to print", *examples)
    _takes_ledger(verb)
    _takes_batch(verb)
    verb.add_argument("--out", metavar="FILE", type=Path, required=True, help="the page (HTML) to write")

    examples = ("ledger verify", "ledger verify --head 412:9f86d081884c7d65")
    verb = verbs.add("verify", verify, "prove that no entry was changed, left out or put in", *examples)
    _takes_ledger(verb)
    verb.add_argument(
        "--head",
        metavar="N:DIGEST",
        help="also that entry N is the one whose digest was written down, or its beginning",
    )


def _takes_ledger(verb: Parser) -> None:
    verb.add_argument("--ledger", metavar="FILE|URL", help="which one (the user's own)")


def _takes_batch(verb: Parser) -> None:
    verb.add_argument("--batch", metavar="ID|last", help="only cards of this batch; the beginning of its name will do")


def show(arguments: Namespace) -> int:
    """Show attempts."""
    with _opened(arguments) as ledger:
        found = _attempts(ledger, arguments)
    if arguments.json:
        rows = [
            {"attempt": each.id, "at": each.at, "station": each.station, "operator": each.operator, **_whole(each)}
            for each in found
        ]
        print(json.dumps(rows, indent=1, ensure_ascii=False))
        return 0
    for each in found:
        said = {name: each.get(name) for name in _SHOWN}
        where = said["slot"] or said["target"]
        parts = (
            each.at,
            each.result + (" (burnt)" if each.burnt else ""),
            said["code"] or "-",
            where,
            said["facility"],
        )
        print("  ".join(filter(None, (*parts, said["reason"]))))
    return 0


def _whole(attempt: Attempt) -> dict[str, object]:
    return {**attempt.facts, "result": attempt.result, "burnt": attempt.burnt}


def show_count(arguments: Namespace) -> int:
    """Count attempts."""
    with _opened(arguments) as ledger:
        counted = count(_attempts(ledger, arguments))
    if arguments.json:
        print(json.dumps({"results": counted.results, "given": counted.given, "burnt": counted.burnt}, indent=1))
        return 0
    for result, number in counted.results.items():
        print(f"{number:>6}  {result}")
    print(f"{counted.given:>6}  codes that a device has")
    print(f"{counted.burnt:>6}  codes that are burnt")
    return 0


def export(arguments: Namespace) -> int:
    """Write the ledger down."""
    with _opened(arguments) as ledger:
        kept = tuple(ledger.entries())
    text = to_csv(attempts_of(each.entry for each in kept)) if arguments.format == "csv" else to_json(kept) + "\n"
    if arguments.out is None:
        sys.stdout.write(text)
        return 0
    _write(arguments.out, text)
    print(shown(arguments.out))
    return 0


def report(arguments: Namespace) -> int:
    """Make a page."""
    with _opened(arguments) as ledger:
        found, head = _attempts(ledger, arguments), ledger.head()
    if not found:
        raise UsageError("there is no such batch in the ledger", hint="`satchel ledger show` shows all cards")
    _write(arguments.out, batch_report(found, head=head))
    print(f"{shown(arguments.out)}: {len(found)} cards")
    return 0


def verify(arguments: Namespace) -> int:
    """Prove the chain."""
    with _opened(arguments) as ledger:
        wrong, head = ledger.faults(), ledger.head()
        if arguments.head and not wrong:
            wrong = _against(ledger, arguments.head)
        if wrong:
            raise LedgerError(f"the ledger {ledger.called} is not whole", details="\n".join(wrong))
        print(f"{ledger.called}: whole; " + (f"entry {head[0]} is {head[1]}" if head else "it is empty"))
    return 0


def _against(ledger: Ledger, head: str) -> list[str]:
    number, colon, digest = head.partition(":")
    if not (number.isdecimal() and colon and len(digest) >= 8):
        raise UsageError("--head is N:DIGEST, as `satchel ledger verify` and the report of a batch show it")
    known = next((kept.digest for kept in ledger.entries() if kept.entry.number == int(number)), "")
    return [] if known.startswith(digest.lower()) else [f"entry {number} is not the one that was written down"]


@contextmanager
def _opened(arguments: Namespace) -> Iterator[Ledger]:
    place: str | None = arguments.ledger
    if (place is None or "://" not in place) and not (file := Path(place) if place else default_place()).is_file():
        raise UsageError(f"there is no ledger {file}", hint="the first `satchel flash` makes it")
    with open_ledger(place, None) as ledger:
        yield ledger


def _attempts(ledger: Ledger, arguments: Namespace) -> tuple[Attempt, ...]:
    return in_batch(attempts_of(kept.entry for kept in ledger.entries()), arguments.batch)


def _write(path: Path, text: str) -> None:
    try:
        write_whole(path, text.encode(), mode=0o644)
    except OSError as error:
        raise ArtifactError(f"{shown(path)} cannot be written: {error.strerror}") from error
