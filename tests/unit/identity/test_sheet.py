"""Our reader of CSV against the standard library's, and the places that it gives to cells."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from builder.identity.columns import likeness
from builder.identity.sheet import Sheet, letters, read_sheet

VALUES = st.text(st.sampled_from('ab é;,\t"\n-{'), max_size=6)
TABLES = st.lists(st.lists(VALUES, min_size=2, max_size=4), max_size=5).map(lambda rows: [["code", "facility"], *rows])


def sheet_of(text: str) -> Sheet:
    return read_sheet(Path("sites.csv"), text.encode(), likeness=likeness)


def texts(sheet: Sheet) -> list[list[str]]:
    return [[cell.text for cell in row.cells] for row in sheet.rows]


@given(
    TABLES,
    st.sampled_from(",;\t"),
    st.sampled_from(("\n", "\r\n")),
    st.sampled_from((csv.QUOTE_MINIMAL, csv.QUOTE_ALL)),
)
def test_it_reads_what_the_standard_library_writes(
    table: list[list[str]], separator: str, line_end: str, quoting: int
) -> None:
    out = io.StringIO()
    out.write(f"sep={separator}{line_end}")
    csv.writer(out, delimiter=separator, lineterminator=line_end, quoting=quoting).writerows(table)
    sheet = sheet_of(out.getvalue())
    assert texts(sheet) == table
    assert sheet.problems == ()


@given(TABLES, st.sampled_from(",;\t"), st.data())
def test_other_values_change_nothing_else(table: list[list[str]], separator: str, data: st.DataObject) -> None:
    out = io.StringIO()
    out.write(f"sep={separator}\n")
    csv.writer(out, delimiter=separator).writerows(table)
    number = data.draw(st.integers(1, len(table)))
    index = data.draw(st.integers(0, 6))
    changed = sheet_of(sheet_of(out.getvalue()).with_values({number: {index: "NEW"}}).decode())
    row = table[number - 1]
    row += [""] * (index + 1 - len(row))
    row[index] = "NEW"
    assert texts(changed) == table


def test_cells_are_named_as_in_a_spreadsheet_and_placed_as_in_an_editor() -> None:
    sheet = sheet_of('sep=;\r\ncode;facility\r\n"a\r\nb";c\r\n;d')
    cells = [(cell.name, cell.line, cell.column, cell.text) for row in sheet.rows for cell in row.cells]
    assert cells == [
        ("A1", 2, 1, "code"),
        ("B1", 2, 6, "facility"),
        ("A2", 3, 1, "a\r\nb"),
        ("B2", 4, 4, "c"),
        ("A3", 5, 1, ""),
        ("B3", 5, 2, "d"),
    ]


@pytest.mark.parametrize(("index", "name"), [(0, "A"), (25, "Z"), (26, "AA"), (701, "ZZ"), (702, "AAA")])
def test_letters_of_columns(index: int, name: str) -> None:
    assert letters(index) == name


def test_what_is_blank_above_the_header_is_left_out() -> None:
    assert [(row.number, row.line) for row in sheet_of("\n,,\ncode,facility\n,\n").rows] == [(3, 3), (4, 4)]


def test_the_separator_is_the_one_that_names_columns() -> None:
    assert sheet_of("code;facility;location,slot\n").separator == ";"
    assert sheet_of("code\tfacility\n").separator == "\t"
    assert sheet_of('"code","facility"\n').separator == ","
