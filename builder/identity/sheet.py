"""A CSV file as the spreadsheet shows it: rows of cells, each with its place in the text.

Our own reader and not the `csv` module's, because a problem needs the line and column of its cell, and because minting
writes into single cells of a file that otherwise stays as it is. The tests hold it against the module's.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Final

from builder.errors import Problem, SitesError
from builder.identity.encoding import decoded, empty
from builder.recipe.problems import shown

SEPARATORS: Final = {",": "commas", ";": "semicolons", "\t": "tabs"}

_SEPARATOR_LINE: Final = re.compile(r"sep=([,;\t|])(?:\r\n|\n|\r)")
"""What Excel reads before the header, and shows in no row."""
_LINE_END: Final = re.compile(r"\r\n|\n|\r")


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """A cell: its value, and where it begins and ends, quotes included, in the text of the file."""

    row: int
    index: int
    line: int
    column: int
    start: int
    end: int
    text: str

    @property
    def name(self) -> str:
        """What the spreadsheet calls it, such as `D7`."""
        return f"{letters(self.index)}{self.row}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A row by its number in the spreadsheet, which begins with 1; it has at least one cell."""

    number: int
    cells: tuple[Cell, ...]

    @property
    def line(self) -> int:
        """The line of the file on which it begins."""
        return self.cells[0].line

    @property
    def blank(self) -> bool:
        """Whether nothing is written in it."""
        return not any(cell.text.strip() for cell in self.cells)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sheet:
    """A file read; `mark` (of its byte order, or nothing) and `text` together are its bytes."""

    file: Path
    mark: bytes
    text: str
    separator: str
    rows: tuple[Row, ...]
    problems: tuple[Problem, ...]
    """Quotes that do not match."""

    def problem(self, cell: Cell, message: str, *, column: str = "", hint: str = "") -> Problem:
        """A problem with a cell, in the words of both the spreadsheet and the editor."""
        return _problem(self.file, cell, message, column=column, hint=hint)

    def with_values(self, values: Mapping[int, Mapping[int, str]]) -> bytes:
        """The bytes of the file with other values in some cells, by number of row and index of column.

        Nothing else changes. The values need no quotes; they get them where the old value had some.
        """
        pieces: list[str] = []
        done = 0
        for row in self.rows:
            new = values.get(row.number, {})
            beyond = range(len(row.cells), max(new, default=0) + 1)
            edits = [
                (cell.start, cell.end, self._quoted(cell, new[cell.index])) for cell in row.cells if cell.index in new
            ]
            end = row.cells[-1].end
            edits.append((end, end, "".join(self.separator + new.get(index, "") for index in beyond)))
            for start, end, replacement in edits:
                pieces += [self.text[done:start], replacement]
                done = end
        return self.mark + "".join([*pieces, self.text[done:]]).encode()

    def _quoted(self, cell: Cell, value: str) -> str:
        return f'"{value}"' if self.text[cell.start : cell.end].startswith('"') else value


def letters(index: int) -> str:
    """The name that a spreadsheet gives a column: A for 0, Z for 25, AA for 26."""
    name, rest = "", index + 1
    while rest:
        rest, letter = divmod(rest - 1, 26)
        name = chr(ord("A") + letter) + name
    return name


def read_sheet(path: Path, data: bytes, *, likeness: Callable[[Sequence[str]], int]) -> Sheet:
    """The bytes of a file as a sheet; `likeness` to a header decides between the separators.

    Raises:
        SitesError: it is empty, or no CSV file in UTF-8.
    """
    mark, text = decoded(path, data)
    told = _SEPARATOR_LINE.match(text)
    begin = told.end() if told else 0

    if not text[begin:].strip():
        raise SitesError([empty(path)])

    def header(separator: str) -> list[str]:
        return [cell.text for cell in next(_written(_rows(text, separator, begin, []))).cells]

    separator = told[1] if told else max(SEPARATORS, key=lambda each: likeness(header(each)))
    mistakes: list[tuple[Cell, str]] = []
    rows = tuple(_written(_rows(text, separator, begin, mistakes)))
    hint = "a quote inside a value is written twice, and the value stands between quotes"
    problems = tuple(_problem(path, cell, message, hint=hint) for cell, message in mistakes)
    return Sheet(file=path, mark=mark, text=text, separator=separator, rows=rows, problems=problems)


def _problem(file: Path, cell: Cell, message: str, *, column: str = "", hint: str = "") -> Problem:
    named = f"cell {cell.name}" + (f" ({column})" if column else "")
    return Problem(file=shown(file), line=cell.line, column=cell.column, path=named, message=message, hint=hint)


def _written(rows: Iterator[Row]) -> Iterator[Row]:
    """The rows from the first on in which anything is written, and at least one."""
    first = next(rows)
    while first.blank and (following := next(rows, None)):
        first = following
    return chain([first], rows)


def _rows(text: str, separator: str, begin: int, mistakes: list[tuple[Cell, str]]) -> Iterator[Row]:
    """The rows from an offset on; what is wrong with quotes is added to `mistakes`."""
    starts = [0, *(match.end() for match in _LINE_END.finditer(text))]
    plain = re.compile(rf"[^{re.escape(separator)}\r\n]*")
    cells: list[Cell] = []
    number, at = 1, begin
    while at < len(text) or cells:
        value, end, mistake = _value(text, at, plain)
        line = bisect_right(starts, at)
        cell = Cell(
            row=number, index=len(cells), line=line, column=at - starts[line - 1] + 1, start=at, end=end, text=value
        )
        cells.append(cell)
        if mistake:
            mistakes.append((cell, mistake))
        if text[end : end + 1] == separator:
            at = end + 1
            continue
        yield Row(number=number, cells=tuple(cells))
        cells = []
        number += 1
        line_end = _LINE_END.match(text, end)
        at = line_end.end() if line_end else len(text)


def _value(text: str, at: int, plain: re.Pattern[str]) -> tuple[str, int, str]:
    """The value that begins at an offset, where it ends, and what is wrong with its quotes."""
    match = plain.match(text, at)
    end = match.end() if match else at
    if text[at : at + 1] != '"':
        return text[at:end], end, ""
    closing = at + 1
    while (closing := text.find('"', closing)) >= 0 and text[closing + 1 : closing + 2] == '"':
        closing += 2
    if closing < 0:
        return text[at:end], end, "the quote at its beginning has no end"
    value = text[at + 1 : closing].replace('""', '"')
    rest = plain.match(text, closing + 1)
    end = rest.end() if rest else closing + 1
    mistake = "something stands behind its closing quote" if end > closing + 1 else ""
    return value + text[closing + 1 : end], end, mistake
