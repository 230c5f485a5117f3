"""The header of a site list: which column is which."""

from __future__ import annotations

from typing import Final

from builder.errors import Problem
from builder.identity.columns import COLUMNS, header_name, likeness, name_problem
from builder.identity.sheet import SEPARATORS, Sheet

IN_QUOTES: Final = "the whole row stands between quotes, as if it were one value"
_MODEL: Final = "`satchel sites new 3` shows what a site list looks like"


def read_header(sheet: Sheet) -> tuple[tuple[str, ...], list[Problem]]:
    """The name of each column ("" where none is needed) and what is wrong; no names when this is no header at all."""
    cells = sheet.rows[0].cells
    if not likeness([cell.text for cell in cells]):
        message = "the first row must name the columns, and none of its names is known"
        if any(separator in cells[0].text for separator in SEPARATORS):
            message = IN_QUOTES
        elif len(cells) == 1:
            message += f"; columns are separated by {', '.join(SEPARATORS.values())}"
        return (), [sheet.problem(cells[0], message, hint=_MODEL)]
    names = tuple(header_name(cell.text) for cell in cells)
    problems = []
    for index, (cell, name) in enumerate(zip(cells, names, strict=True)):
        if not name:
            if any(len(row.cells) > index and row.cells[index].text.strip() for row in sheet.rows[1:]):
                problems.append(sheet.problem(cell, "the column has values and no name"))
        elif name in names[:index]:
            problems.append(sheet.problem(cell, f'there are two columns "{name}"'))
        elif wrong := name_problem(name):
            problems.append(sheet.problem(cell, wrong[0], hint=wrong[1]))
    if "code" not in names:
        hint = "add one; it may be blank, and `satchel sites mint` fills it in"
        problems.append(sheet.problem(cells[0], 'there is no column "code"', hint=hint))
    return names, problems


def is_known(name: str) -> bool:
    """Whether a column's values are looked at."""
    return bool(name) and (name in COLUMNS or name_problem(name) is None)
