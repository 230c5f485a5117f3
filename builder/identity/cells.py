"""The cells of one row: their values, and everything that is wrong with them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from builder.errors import Problem
from builder.identity import pattern
from builder.identity.columns import Column, column_of, header_name
from builder.identity.damage import damage
from builder.identity.header import IN_QUOTES, is_known
from builder.identity.sheet import SEPARATORS, Cell, Row, Sheet
from builder.recipe.problems import quoted, suggest

_NEEDS: Final = MappingProxyType({"wifi_passphrase": "wifi_ssid", "wifi_country": "wifi_ssid"})
"""Values that mean nothing without another."""

_TELLING: Final = frozenset({"code", "language", "timezone", "preset", "wifi_country", "mac"})
"""Columns in which few values are right, so that one there is a sign of its column."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Value:
    """A value in its one right form, with the cell that it came from."""

    cell: Cell
    written: str
    text: str


def values_of(row: Row, names: Sequence[str]) -> dict[str, Value]:
    """The values of a row by column; a blank one is left out."""
    written = {
        name: (cell, cell.text if column_of(name).secret else cell.text.strip())
        for name, cell in zip(names, row.cells, strict=False)
        if is_known(name) and cell.text.strip()
    }
    normal = {name: column_of(name).normalize(text) for name, (_, text) in written.items()}
    return {
        name: Value(cell=cell, written=text, text=_filled(column_of(name), normal))
        for name, (cell, text) in written.items()
    }


def row_problems(sheet: Sheet, row: Row, names: Sequence[str], values: Mapping[str, Value]) -> list[Problem]:
    """What is wrong with a row; one problem instead of many when all of it has one cause."""
    if whole := _copied_or_joined(sheet, row, names):
        return [whole]
    beyond = next((cell for cell in row.cells[len(names) :] if cell.text.strip()), None)
    found = list(_value_problems(sheet, values, names))
    if (beyond or len(found) > 1) and (shift := _shift(sheet, row, names)):
        message = f"the values of this row stand one column too far to the {shift}"
        return [sheet.problem(row.cells[0], message, hint="move them back under their names")]
    if beyond:
        message = f"there is a value behind the last column ({names[-1]})"
        hint = f'a value that holds "{sheet.separator}" must stand between quotes'
        return [sheet.problem(beyond, message, hint=hint if sheet.separator.strip() else "")]
    return found


def _copied_or_joined(sheet: Sheet, row: Row, names: Sequence[str]) -> Problem | None:
    first, texts = row.cells[0], [cell.text for cell in row.cells]
    if [header_name(text) for text in texts] == list(names):
        return sheet.problem(first, "this row is the header again", hint="delete the row")
    other = next((other for other in SEPARATORS if texts[0].count(other) >= max(1, len(names) - 2)), None)
    if other and not any(text.strip() for text in texts[1:]):
        separated = f"this row is separated by {SEPARATORS[other]}, and the header by {_name(sheet.separator)}"
        return sheet.problem(first, IN_QUOTES if other == sheet.separator else separated)
    return None


def _name(separator: str) -> str:
    return SEPARATORS.get(separator, f'"{separator}"')


def _value_problems(sheet: Sheet, values: Mapping[str, Value], names: Sequence[str]) -> Iterator[Problem]:
    for name, value in values.items():
        column = column_of(name)
        if wrong := _problem_of(column, value, values, names):
            message, hint = wrong
            yield sheet.problem(value.cell, message, column=name, hint=hint)
    for name, needed in _NEEDS.items():
        if name in values and needed not in values:
            yield sheet.problem(values[name].cell, f"there is no {needed} that it belongs to", column=name)


def _problem_of(
    column: Column, value: Value, values: Mapping[str, Value], names: Sequence[str]
) -> tuple[str, str] | None:
    if happened := damage(column.name, value.written, secret=column.secret):
        return happened
    if column.pattern and (unfilled := _unfilled(value, values, names)):
        return unfilled
    complete = pattern.fill(value.text, {"code": pattern.SAMPLE_CODE})
    wrong = column.rule(complete)
    if wrong is None:
        return None
    shown = "" if column.secret or column.name == "code" else f"{quoted(value.text)}: "
    return shown + wrong, column.advice(complete).replace(pattern.SAMPLE_CODE, pattern.CODE)


def _unfilled(value: Value, values: Mapping[str, Value], names: Sequence[str]) -> tuple[str, str] | None:
    """What is wrong with the names in braces."""
    usable = [name for name in names if is_known(name) and _fills(column_of(name))]
    for name in pattern.names(value.written):
        if name not in usable:
            return f"{{{name}}} is no column that can be filled in", suggest(name, usable)
        if name not in values and name != "code":
            return f"{{{name}}} is blank in this row", ""
    return None


def _fills(column: Column) -> bool:
    """Whether a column's values may be filled into others."""
    return not column.pattern and not column.secret


def _filled(column: Column, values: Mapping[str, str]) -> str:
    if not column.pattern:
        return values[column.name]
    others = {name: text for name, text in values.items() if _fills(column_of(name))}
    return pattern.fill(values[column.name], others, str.lower if column.name == "hostname" else str)


def _shift(sheet: Sheet, row: Row, names: Sequence[str]) -> str | None:
    """Where a row must have slipped to, if that explains everything that is wrong with it."""
    first, last = row.cells[0], row.cells[-1]
    if not first.text.strip() and len(row.cells) > 1:
        moved = Row(number=row.number, cells=row.cells[1:])
        return "right" if _fits(sheet, moved, names) else None
    room = len(row.cells) < len(names) or not last.text.strip()
    return "left" if room and _fits(sheet, row, names[1:]) else None


def _fits(sheet: Sheet, row: Row, names: Sequence[str]) -> bool:
    values = values_of(row, names)
    return bool(_TELLING & values.keys()) and not any(_value_problems(sheet, values, names))
