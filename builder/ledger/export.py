"""The ledger for other programs: CSV for spreadsheets, JSON for scripts. Pure."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable
from dataclasses import asdict
from typing import Final

from builder.ledger.chain import Kept
from builder.ledger.history import Attempt

COLUMNS: Final = (
    *("code", "facility", "slot", "target", "model", "serial", "place", "size_bytes"),
    *("image", "sha256", "verify", "written_bytes", "write_rate", "verify_rate", "seconds"),
    *("pace", "at", "reason", "offset", "batch", "row"),
)
"""Facts of an attempt, in the order in which a person asks for them; how it ended stands before them."""


def to_csv(attempts: Iterable[Attempt]) -> str:
    """A row for each attempt. A value that a spreadsheet would take for a formula begins with an apostrophe."""
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(("begun", "station", "operator", "attempt", "result", *COLUMNS))
    for attempt in attempts:
        own = (attempt.at, attempt.station, attempt.operator, attempt.id, attempt.result)
        writer.writerow([_harmless(value) for value in (*own, *map(attempt.get, COLUMNS))])
    return text.getvalue()


def _harmless(value: str) -> str:
    return f"'{value}" if value.startswith(("=", "+", "-", "@", "\t", "\r")) else value


def to_json(kept: Iterable[Kept]) -> str:
    """Every entry as it is, with its digest, so that the chain can be proved elsewhere."""
    return json.dumps([{**asdict(each.entry), "digest": each.digest} for each in kept], indent=1, ensure_ascii=False)
