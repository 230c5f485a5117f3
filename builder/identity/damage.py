"""What spreadsheets do to a value on its way: numbers, dates, wrong encodings, spaces that are none. Pure."""

from __future__ import annotations

import re
import unicodedata
from typing import Final

_ERROR: Final = re.compile(r"#(N/A|REF!|NAME\?|VALUE!|DIV/0!|NUM!|NULL!|#+)", re.IGNORECASE)
_NUMBER: Final = re.compile(r"\d([.,]\d+)?E[+-]?\d{1,3}", re.IGNORECASE)
_MONTH: Final = "jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec"
_DATE: Final = re.compile(
    rf"\d{{1,2}}([-/.])\d{{1,2}}\1\d{{2,4}}|\d{{4}}-\d{{2}}-\d{{2}}|\d{{1,2}}-({_MONTH})|({_MONTH})-\d{{2,4}}",
    re.IGNORECASE,
)
_TURNED: Final = frozenset({"code", "serial", "slot", "mac"})
"""Columns whose values can look like numbers or dates to a spreadsheet."""
_AS_TEXT: Final = "format the column as text, then write the value again"
_LINE_BREAK: Final = re.compile(r"[\n\r\v\f\x85\u2028\u2029]")
_RIGHT: Final = " \u200c\u200d"
"""A plain space, and the joiners that belong to the spelling of some languages."""
_QUOTES: Final = {"\u201c": "\u201d", "\u201e": "\u201c", "\u00ab": "\u00bb", "\u2018": "\u2019"}


def damage(column: str, value: str, *, secret: bool = False) -> tuple[str, str] | None:
    """What happened to a value, and what to do about it; nothing when nothing is to be seen. Shows no secret value."""
    if _ERROR.fullmatch(value):
        return f"{value} is an error of the spreadsheet and not a value", "mend its formula, or write the value itself"
    if column in _TURNED and (_NUMBER.fullmatch(value) or _DATE.fullmatch(value)):
        kind = "a date" if _DATE.fullmatch(value) else "a number"
        return f"the spreadsheet made {kind} of it: {value}", _AS_TEXT
    if column == "mac" and value.isdigit() and len(value) < 12:
        return f"the spreadsheet made a number of it, without the zeros at its beginning: {value}", _AS_TEXT
    if _LINE_BREAK.search(value):
        return "it holds a line break", "write it in one line; or the quote that begins this cell has no end"
    if len(value) > 1 and _QUOTES.get(value[0]) == value[-1]:
        return "it stands between typographic quotes", 'write it without quotes, or with plain ones (")'
    return (None if secret else _wrong_encoding(value)) or _odd_character(value)


def _wrong_encoding(value: str) -> tuple[str, str] | None:
    if "\N{REPLACEMENT CHARACTER}" in value:
        return f'a letter of it was lost in saving: "{value}"', "write the value again"
    try:
        meant = value.encode("cp1252").decode()
    except UnicodeError:
        return None
    if meant == value:
        return None
    return f'"{value}" is "{meant}", read in a wrong encoding', "open the original again as UTF-8, or write it again"


def _odd_character(value: str) -> tuple[str, str] | None:
    for place, character in enumerate(value, start=1):
        if character not in _RIGHT and unicodedata.category(character) in {"Cf", "Cc", "Zs"}:
            called = unicodedata.name(character, "a control character").lower()
            message = f"its character {place} is {called} (U+{ord(character):04X})"
            return message, "delete it; where a space is meant, type a plain one"
    return None
