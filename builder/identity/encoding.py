"""From the bytes of a CSV file to its text, or the words for what spreadsheets save instead of UTF-8."""

from __future__ import annotations

import codecs
import re
from pathlib import Path
from typing import Final

from builder.errors import Problem, SitesError
from builder.recipe.problems import shown

_AS_UTF8: Final = 'save it as "CSV UTF-8" (Excel), or as "Text CSV" with the character set UTF-8 (LibreOffice)'
_UTF16: Final = 'UTF-16 ("Unicode text") and not UTF-8'
_KINDS: Final = {
    b"PK\x03\x04": "a workbook (.xlsx or .ods) and not a CSV file",
    b"\xd0\xcf\x11\xe0": "an old workbook (.xls) and not a CSV file",
    b"\xff\xfe": _UTF16,
    b"\xfe\xff": _UTF16,
}
"""What files of other kinds begin with."""


def decoded(path: Path, data: bytes) -> tuple[bytes, str]:
    """The mark of its byte order, if there is one, and the text.

    Raises:
        SitesError: it is empty, or is not UTF-8.
    """
    mark = codecs.BOM_UTF8 if data.startswith(codecs.BOM_UTF8) else b""
    if not data[len(mark) :].strip():
        raise SitesError([empty(path)])
    kind = next((kind for beginning, kind in _KINDS.items() if data.startswith(beginning)), None)
    if kind is None and b"\0" in data:
        kind = _UTF16 if b"\0" in data[:2] else "damaged: it holds zero bytes"
    if kind:
        raise SitesError([_problem(path, f"this is {kind}", hint=_AS_UTF8)])
    try:
        return mark, data[len(mark) :].decode()
    except UnicodeDecodeError:
        raise SitesError(_wrong_bytes(path, data)) from None


def empty(path: Path) -> Problem:
    """The problem of a file without anything in it."""
    return _problem(path, "it is empty", hint="`satchel sites new 3` shows what a site list looks like")


def _wrong_bytes(path: Path, data: bytes) -> list[Problem]:
    """A problem for each line that is not UTF-8; the advice, which is the same for all, only at the last."""
    problems: list[Problem] = []
    for number, line in enumerate(re.split(rb"\r\n|\n|\r", data), start=1):
        try:
            line.decode()
        except UnicodeDecodeError as error:
            before = re.split("[,;\t]", line[: error.start].decode())[-1]
            behind = re.split("[,;\t]", line[error.start :].decode("cp1252", errors="replace"))[0]
            message = f'this is not UTF-8; read as Windows-1252 it is "{(before + behind).strip()}"'
            column = len(line[: error.start].decode()) + 1
            problems.append(_problem(path, message, line=number, column=column))
    last = problems.pop()
    return [*problems, _problem(path, last.message, line=last.line, column=last.column, hint=_AS_UTF8)]


def _problem(path: Path, message: str, *, line: int = 1, column: int = 1, hint: str = "") -> Problem:
    return Problem(file=shown(path), line=line, column=column, path="", message=message, hint=hint)
