"""Sheets of stickers by their makers' measures, and how much text fits on a sticker. Pure; all lengths are millimetres.

What is printed in lines of name and value (addresses, passwords) must not be cut off, so it is measured here and not
left to the browser: it stands in letters of one width, and in smaller ones where it would not fit.
"""

from __future__ import annotations

import math
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

PADDING: Final = (2.5, 3.5)
"""Above and below, left and right: printers do not hit stickers exactly."""
CODE_LINE: Final = 7.4
FACILITY_LINE: Final = 4.5
LOCATION_LINE: Final = 4.2
BETWEEN: Final = 3.0
"""Between text and QR codes."""

_LETTER: Final = 0.61
"""The width of a letter of one width in parts of its size; 0.602 in DejaVu Sans Mono, 0.6 in others."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Letters:
    """A size of letters for the lines of name and value."""

    size: float
    line: float
    names: float
    """The width of the column of names."""


SIZES: Final = (
    Letters(size=3.2, line=4.1, names=19.5),
    Letters(size=2.8, line=3.6, names=17.0),
    Letters(size=2.4, line=3.0, names=14.5),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """A sheet of stickers, symmetrical on its paper."""

    called: str
    paper: str
    width: float
    height: float
    columns: int
    rows: int
    label_width: float
    label_height: float
    gap: float
    """Between columns; there is none between rows."""
    qr: float
    """The width of a QR code."""
    stacked: bool
    """Whether QR codes stand above one another, which leaves more width to the text."""
    facility_lines: int
    with_location: bool

    @property
    def left(self) -> float:
        """The margin at the left."""
        return round((self.width - self.columns * self.label_width - (self.columns - 1) * self.gap) / 2, 3)

    @property
    def top(self) -> float:
        """The margin at the top."""
        return round((self.height - self.rows * self.label_height) / 2, 3)

    def letters(self, values: Sequence[str], *, squares: int) -> Letters | None:
        """The largest letters in which these values fit, in as few lines as can be; none when they never fit."""
        beside = min(squares, 1) if self.stacked else squares
        width = self.label_width - 2 * PADDING[1] - (beside * self.qr + BETWEEN if beside else 0)
        height = self.label_height - 2 * PADDING[0] - CODE_LINE - self.facility_lines * FACILITY_LINE
        height -= LOCATION_LINE if self.with_location else 0
        fitting = []
        for size in SIZES:
            in_line = int((width - size.names) / (size.size * _LETTER))
            lines = sum(math.ceil(_width(value) / in_line) for value in values)
            if lines * size.line <= height:
                fitting.append((lines, size))
        fewest = min((lines for lines, _ in fitting), default=0)
        return next((size for lines, size in fitting if lines == fewest), None)


def _width(text: str) -> int:
    """The width in letters: those of East Asia take two."""
    return sum(2 if unicodedata.east_asian_width(letter) in "WF" else 1 for letter in text)


PAGES: Final = {
    "a4-8": Page(
        called="A4, 8 labels of 99.1 x 67.7 mm, such as Avery L7165",
        paper="A4",
        width=210,
        height=297,
        columns=2,
        rows=4,
        label_width=99.1,
        label_height=67.7,
        gap=2.5,
        qr=22.5,
        stacked=True,
        facility_lines=2,
        with_location=True,
    ),
    "a4-14": Page(
        called="A4, 14 labels of 99.1 x 38.1 mm, such as Avery L7163",
        paper="A4",
        width=210,
        height=297,
        columns=2,
        rows=7,
        label_width=99.1,
        label_height=38.1,
        gap=2.5,
        qr=17,
        stacked=False,
        facility_lines=1,
        with_location=False,
    ),
    "letter-10": Page(
        called="US Letter, 10 labels of 4 x 2 in, such as Avery 5163",
        paper="letter",
        width=215.9,
        height=279.4,
        columns=2,
        rows=5,
        label_width=101.6,
        label_height=50.8,
        gap=4.76,
        qr=19,
        stacked=True,
        facility_lines=1,
        with_location=True,
    ),
}
