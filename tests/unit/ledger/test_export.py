"""The ledger for other programs."""

from __future__ import annotations

import csv
import io
import json

import pytest

from builder.ledger.chain import Entry, Kept, faults
from builder.ledger.export import to_csv, to_json
from builder.ledger.history import attempts_of

from .entries import Thing, card, chain_of, entries_of


def rows(*things: Thing) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(to_csv(attempts_of(entries_of(*things))))))


def test_each_card_is_a_row_of_a_spreadsheet() -> None:
    done, unfinished = rows(*card("sdb", "done", "AAAA-1111", size_bytes=8 << 30, offset=None), *card("sdc", None))
    assert (done["result"], done["code"], done["target"], done["size_bytes"]) == (
        *("done", "AAAA-1111", "/dev/sdb"),
        str(8 << 30),
    )
    assert (done["station"], done["operator"], done["attempt"]) == ("bench", "Ada", "sdb")
    assert done["begun"] == "2026-11-26T10:01:00+00:00"
    assert done["offset"] == "", "nothing, and not the word None"
    assert (unfinished["result"], unfinished["code"], unfinished["facility"]) == ("unfinished", "", "")


@pytest.mark.parametrize("name", ["=1+1", "+49", "-1", "@import", "\tx"])
def test_a_value_is_no_formula(name: str) -> None:
    (row,) = rows(("started", "sdb", {"model": name}))
    assert row["model"] == f"'{name}"


def test_commas_quotes_and_lines_stay_within_their_cell() -> None:
    (row,) = rows(("started", "sdb", {"facility": 'École "A", Bamako', "reason": "one\ntwo"}))
    assert (row["facility"], row["reason"]) == ('École "A", Bamako', "one\ntwo")


def test_the_chain_can_be_proved_from_the_json() -> None:
    kept = chain_of([*card("sdb", "done", "AAAA-1111", rate=12, offset=None), *card("École", "failed")])
    text = to_json(kept)
    assert "École" in text
    again = [Kept(digest=row.pop("digest"), entry=Entry(**row)) for row in json.loads(text)]
    assert faults(again, head=(len(kept), kept[-1].digest)) == []
