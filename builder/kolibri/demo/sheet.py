"""A lesson as a sheet to print: a PDF with the text, the picture, the questions and, at the end, the answers.

PDF 1.4 (ISO 32000-1) with the standard fonts that every reader has, so that no font needs to be carried along; they
cover the languages of the demonstration (WinAnsiEncoding, the same as cp1252).
"""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from builder.kolibri.demo.picture import Picture
from builder.kolibri.demo.texts import Language, Lesson

_PAGE: Final = (595, 842)
_MARGIN: Final = 62
_COLUMN: Final = _PAGE[0] - 2 * _MARGIN
_PICTURE_WIDTH: Final = 220

_WIDTHS: Final = (
    "278 278 355 556 556 889 667 191 333 333 389 584 278 333 278 278 556 556 556 556 556 556 556 556 556 556 "
    "278 278 584 584 584 556 1015 667 667 722 722 667 611 778 722 278 500 667 556 833 722 778 667 778 722 667 "
    "611 722 667 944 667 667 611 278 278 278 469 556 333 556 556 500 556 556 278 556 556 222 222 500 222 833 "
    "556 556 556 556 333 500 278 556 500 722 500 500 500 334 260 334 584"
)
"""Widths of Helvetica from space to tilde, in thousandths of the size (Adobe's font metrics for the core 14 fonts)."""
_ASCII: Final = {chr(32 + place): int(width) for place, width in enumerate(_WIDTHS.split())}
_WIDTH: Final = _ASCII | {"\u2019": 222, "œ": 944, "¿": 611}


@dataclass(frozen=True, slots=True, kw_only=True)
class _Style:
    font: str
    size: float
    before: float
    colour: str = "0.15 0.2 0.22"


_TITLE = _Style(font="B", size=22, before=0, colour="0.09 0.3 0.5")
_HEADING = _Style(font="B", size=14, before=14, colour="0.09 0.3 0.5")
_STRONG = _Style(font="B", size=11.5, before=7)
_TEXT = _Style(font="R", size=11.5, before=6)
_FINE_PRINT = _Style(font="R", size=8.5, before=14, colour="0.4 0.4 0.4")


def lesson_sheet(lesson: Lesson, language: Language, picture: Picture, *, licence: str) -> bytes:
    """The PDF of a lesson; `licence` is the line at its end."""
    pages = _Pages()
    pages.paragraph(lesson.title, _TITLE)
    pages.paragraph(lesson.summary, _STRONG)
    pages.picture(picture)
    for paragraph in lesson.text:
        pages.paragraph(paragraph, _TEXT)
    words = language.words
    if lesson.words:
        pages.paragraph(words["new_words"], _HEADING)
        for term, meaning in lesson.words:
            pages.paragraph(f"{term}: {meaning}", _TEXT)
    if lesson.steps:
        pages.paragraph(words["steps"], _HEADING)
        for number, step in enumerate(lesson.steps, 1):
            pages.paragraph(f"{number}. {step}", _TEXT)
    pages.paragraph(words["quiz"], _HEADING)
    letters = []
    for number, question in enumerate(lesson.quiz):
        # The right answer moves from A to B to C, so that a class cannot learn its place.
        place = (number * 2 + len(lesson.key)) % 3
        options = [*question.wrong[:place], question.right, *question.wrong[place:]]
        letters.append(f"{number + 1} {'ABC'[place]}")
        pages.paragraph(f"{number + 1}. {question.ask}", _STRONG, keep=4 * _TEXT.size)
        lettered = (f"{letter}) {option}" for letter, option in zip("ABC", options, strict=True))
        pages.paragraph("      ".join(lettered), _TEXT)
    pages.paragraph(words["answers"], _HEADING, keep=4 * _TEXT.size)
    pages.paragraph("    ".join(letters), _TEXT)
    pages.paragraph(licence, _FINE_PRINT)
    return _document(pages.streams(), picture, title=lesson.title, language=language.code)


class _Pages:
    """Text flowing down one page and on to the next."""

    def __init__(self) -> None:
        self._pages: list[list[str]] = [[]]
        self._y: float = _PAGE[1] - _MARGIN

    def _room(self, height: float, *, keep: float = 0) -> None:
        if self._y - max(height, keep) < _MARGIN:
            self._pages.append([])
            self._y = _PAGE[1] - _MARGIN
        self._y -= height

    def paragraph(self, text: str, style: _Style, *, keep: float = 0) -> None:
        """A paragraph, broken into lines; it moves to the next page when less than `keep` points are left below it."""
        self._y -= style.before
        for line in _lines(text, style):
            self._room(style.size * 1.35, keep=keep)
            self._pages[-1].append(
                f"BT {style.colour} rg /{style.font} {style.size} Tf {_MARGIN} {self._y:.2f} Td ({_escape(line)}) Tj ET"
            )

    def picture(self, picture: Picture) -> None:
        """The picture, in the middle."""
        height = _PICTURE_WIDTH * picture.height / picture.width
        self._room(height + 12)
        left = (_PAGE[0] - _PICTURE_WIDTH) / 2
        self._pages[-1].append(f"q {_PICTURE_WIDTH} 0 0 {height:.2f} {left:.2f} {self._y:.2f} cm /P Do Q")
        self._y -= 6

    def streams(self) -> list[bytes]:
        """The drawing commands of each page, with its number at the foot."""
        numbered = []
        for number, commands in enumerate(self._pages, 1):
            foot = f"BT 0.4 0.4 0.4 rg /R 9 Tf {_PAGE[0] / 2:.1f} 34 Td ({number} / {len(self._pages)}) Tj ET"
            numbered.append("\n".join([*commands, foot]).encode("cp1252"))
        return numbered


def _measure(text: str, style: _Style) -> float:
    """Its width in points; bold is a little wider, and an accent does not change a letter's width."""
    total = 0
    for character in text.replace("\u00a0", " "):
        base = unicodedata.normalize("NFD", character)[0]
        total += _WIDTH.get(base, 556)
    return total * style.size / 1000 * (1.07 if style.font == "B" else 1)


def _lines(text: str, style: _Style) -> Sequence[str]:
    lines: list[str] = []
    current = ""
    for word in text.split(" "):
        longer = f"{current} {word}" if current else word
        if current and _measure(longer, style) > _COLUMN:
            lines.append(current)
            current = word
        else:
            current = longer
    return [*lines, current]


def _escape(text: str) -> str:
    return text.replace("\\", r"\\").replace("(", r"\(").replace(")", r"\)")


def _document(pages: Sequence[bytes], picture: Picture, *, title: str, language: str) -> bytes:
    first_page = 7
    kids = " ".join(f"{first_page + 2 * number} 0 R" for number in range(len(pages)))
    image = (
        f"<< /Type /XObject /Subtype /Image /Width {picture.width} /Height {picture.height} /BitsPerComponent 8 "
        f"/ColorSpace [/Indexed /DeviceRGB {len(picture.palette) // 3 - 1} <{picture.palette.hex()}>] "
        f"/Length {len(picture.pixels)} >>"
    )
    named = title.encode("utf-16-be").hex()
    objects = [
        f"<< /Type /Catalog /Pages 2 0 R /Lang ({language}) /ViewerPreferences << /DisplayDocTitle true >> >>".encode(),
        f"<< /Type /Pages /Kids [{kids}] /Count {len(pages)} >>".encode(),
        b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica /Encoding /WinAnsiEncoding >>",
        b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica-Bold /Encoding /WinAnsiEncoding >>",
        _stream(image, picture.pixels),
        f"<< /Title <feff{named}> /Producer (Satchel) >>".encode(),
    ]
    for number, body in enumerate(pages):
        contents = first_page + 2 * number + 1
        objects.append(
            f"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 {_PAGE[0]} {_PAGE[1]}] /Contents {contents} 0 R "
            "/Resources << /Font << /R 3 0 R /B 4 0 R >> /XObject << /P 5 0 R >> >> >>".encode()
        )
        objects.append(_stream(f"<< /Length {len(body)} >>", body))
    return _file(objects)


def _stream(dictionary: str, body: bytes) -> bytes:
    return dictionary.encode() + b"\nstream\n" + body + b"\nendstream"


def _file(objects: Sequence[bytes]) -> bytes:
    # The second line marks the file as binary for programs that would otherwise treat it as text.
    body = bytearray(b"%PDF-1.4\n%\xe2\xe3\xcf\xd3\n")
    offsets = []
    for number, content in enumerate(objects, 1):
        offsets.append(len(body))
        body += b"%d 0 obj\n%b\nendobj\n" % (number, content)
    start = len(body)
    body += b"xref\n0 %d\n0000000000 65535 f \n" % (len(objects) + 1)
    body += b"".join(b"%010d 00000 n \n" % offset for offset in offsets)
    body += b"trailer\n<< /Size %d /Root 1 0 R /Info 6 0 R >>\nstartxref\n%d\n%%%%EOF\n" % (len(objects) + 1, start)
    return bytes(body)
