"""What several rows have in common and must not, or should not."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from builder.errors import Problem
from builder.identity.cells import Value
from builder.identity.columns import COLUMNS
from builder.identity.pattern import CODE
from builder.identity.sheet import Sheet


def repeated(sheet: Sheet, rows: Sequence[Mapping[str, Value]]) -> Iterator[Problem]:
    """Values that only one device can have, at every row but the first that has one."""
    for name in (column.name for column in COLUMNS.values() if column.unique):
        yield from _again(sheet, rows, name, "{value} is also in row {row}")


def shared(sheet: Sheet, rows: Sequence[Mapping[str, Value]]) -> Iterator[Problem]:
    """Values that different devices may have, and rarely mean to."""
    yield from _again(sheet, rows, "facility", "{value} is also the name of row {row}")
    yield from _again(sheet, rows, "admin_password", "row {row} has the same password")


def _again(sheet: Sheet, rows: Sequence[Mapping[str, Value]], name: str, words: str) -> Iterator[Problem]:
    seen: dict[str, int] = {}
    for values in rows:
        value = values.get(name)
        # With a code that is still to be minted, it will be another one in each row.
        if value is None or CODE in value.text:
            continue
        key = value.text.casefold()
        if key in seen:
            message = words.format(value=value.text, row=seen[key])
            hint = "clear one of them; `satchel sites mint` fills it in" if name == "code" else ""
            yield sheet.problem(value.cell, message, column=name, hint=hint)
        seen.setdefault(key, value.cell.row)
