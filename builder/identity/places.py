"""The world's time zones and countries, as this machine's tzdata knows them."""

from __future__ import annotations

import zoneinfo
from functools import cache
from pathlib import Path
from typing import Final

from seed import rules

from builder.errors import MissingTool
from builder.recipe.problems import nearest

_COUNTRIES: Final = "iso3166.tab"
_ZONES: Final = "zone.tab"
_LINKS: Final = "tzdata.zi"
_FIXED: Final = ("Etc/UTC", *(f"Etc/GMT{hours:+d}" for hours in (*range(-14, 0), *range(1, 13))))


@cache
def timezones() -> frozenset[str]:
    """Every name of a time zone that a device knows.

    Only those of places: Debian keeps old names such as `Asia/Calcutta` and `Egypt` in a package of their own
    (tzdata-legacy), which a device does not have even where the build host does.

    Raises:
        MissingTool: there is no tzdata.
    """
    return frozenset({row[2] for row in _table(_ZONES)} | set(_FIXED))


@cache
def countries() -> dict[str, str]:
    """Every country: its two letters and its name in English.

    Raises:
        MissingTool: there is no tzdata.
    """
    return {row[0]: row[1] for row in _table(_COUNTRIES)}


def _table(name: str, separator: str = "\t") -> list[list[str]]:
    for directory in zoneinfo.TZPATH:
        table = Path(directory, name)
        if table.is_file():
            lines = table.read_text(encoding="utf-8").splitlines()
            return [line.split(separator) for line in lines if line and not line.startswith("#")]
    raise MissingTool("tzdata", why="to know time zones and countries", package="tzdata")


def timezone(value: str) -> str | None:
    """The name of a time zone that exists."""
    if (wrong := rules.timezone(value)) or value in timezones():
        return wrong
    old = value in zoneinfo.available_timezones()
    return "it is an old name, which a device does not know" if old else "there is no such time zone"


def timezone_advice(value: str) -> str:
    """The name that replaced an old one, or the nearest."""
    links = [row for row in _table(_LINKS, " ") if row[0] == "L" and row[2] == value]
    near = links[0][1] if links else nearest(value, sorted(timezones()))
    return f'did you mean "{near}"?' if near else "`timedatectl list-timezones` lists them"


def country(value: str) -> str | None:
    """The two letters of a country that exists."""
    return rules.country(value) or (None if value in countries() else "there is no such country")


def country_advice(value: str) -> str:
    """The letters of a country that was given by its name, or in small letters."""
    letters = "GB" if value.upper() == "UK" else value.upper()
    if letters in countries():
        return f'did you mean "{letters}"?'
    by_name = {name: code for code, name in countries().items()}
    near = nearest(value, by_name)
    return f'did you mean "{by_name[near]}" ({near})?' if near else ""
