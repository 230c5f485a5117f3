"""A new site list to fill in. Pure: chance is an argument."""

from __future__ import annotations

import codecs
import csv
import io
import secrets
from collections.abc import Callable, Collection, Mapping
from typing import Final

from builder.identity.columns import COLUMNS
from builder.identity.mint import mint_codes

NUMBER: Final = "{n}"
"""Stands for the number of the device, from 1."""


def template(
    count: int,
    *,
    fill: Mapping[str, str],
    separator: str,
    taken: Collection[str] = (),
    randbelow: Callable[[int], int] = secrets.randbelow,
) -> bytes:
    """A list with a row for each of `count` devices: a new code, and the values of `fill`; all else is blank.

    It begins with the mark by which Excel recognises UTF-8.
    """
    columns = [*COLUMNS, *(name for name in fill if name not in COLUMNS)]
    text = io.StringIO()
    writer = csv.writer(text, delimiter=separator, lineterminator="\r\n")
    writer.writerow(columns)
    for number, code in enumerate(mint_codes(count, taken=taken, randbelow=randbelow), start=1):
        values = {"code": code, **{name: value.replace(NUMBER, str(number)) for name, value in fill.items()}}
        writer.writerow(values.get(name, "") for name in columns)
    return codecs.BOM_UTF8 + text.getvalue().encode()
