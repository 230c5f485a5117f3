"""The site list: one row for each device, read from a CSV file as spreadsheets make it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from builder.errors import Problem, SitesError
from builder.identity.cells import Value, row_problems, values_of
from builder.identity.columns import COLUMNS, FREE, SHARED, likeness, secret_called
from builder.identity.header import read_header
from builder.identity.repeats import repeated, shared
from builder.identity.sheet import Row, Sheet, read_sheet
from builder.recipe.problems import shown


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """What one row says. What is none, the device or its recipe decides.

    As long as there is no code, `{code}` stays in `facility` and `hostname`.
    """

    row: int
    """Its number in the spreadsheet, where the header is row 1."""
    line: int
    """Its line in the file."""
    code: str | None = None
    facility: str | None = None
    location: str | None = None
    language: str | None = None
    timezone: str | None = None
    preset: str | None = None
    admin: str | None = None
    admin_password: str | None = field(default=None, repr=False)
    hostname: str | None = None
    wifi_ssid: str | None = None
    wifi_passphrase: str | None = field(default=None, repr=False)
    wifi_country: str | None = None
    slot: str | None = None
    serial: str | None = None
    mac: str | None = None
    shared: dict[str, str] = field(default_factory=dict, repr=False)
    """Secrets of the recipe that all rows share, by name."""
    extra: dict[str, str] = field(default_factory=dict)
    """The values of free columns, by their names without `x_`."""

    @property
    def has_secrets(self) -> bool:
        """Whether the row holds a password."""
        return bool(self.admin_password or self.wifi_passphrase or self.shared)


@dataclass(frozen=True, slots=True, kw_only=True)
class SiteList:
    """A file with everything that was found in it."""

    sheet: Sheet
    columns: tuple[str, ...]
    """The names in the header; empty where there is none."""
    sites: tuple[Site, ...]
    problems: tuple[Problem, ...]
    warnings: tuple[Problem, ...]
    """What may be meant, and should be looked at."""

    @property
    def has_secrets(self) -> bool:
        """Whether any row holds a password."""
        return any(site.has_secrets for site in self.sites)

    def problem(self, site: Site, message: str, *, hint: str = "") -> Problem:
        """A problem with a whole row."""
        file = shown(self.sheet.file)
        return Problem(file=file, line=site.line, column=1, path=f"row {site.row}", message=message, hint=hint)


def read_sites(path: Path) -> tuple[Site, ...]:
    """The sites of a list without a problem, in its order.

    Raises:
        SitesError: with every problem that there is.
    """
    return checked(path).sites


def checked(path: Path) -> SiteList:
    """A list without a problem.

    Raises:
        SitesError: with every problem that there is.
    """
    found = examine(path, read_bytes(path))
    if found.problems:
        raise SitesError(found.problems)
    return found


def read_bytes(path: Path) -> bytes:
    """What is in a file.

    Raises:
        SitesError: it cannot be read.
    """
    try:
        return path.read_bytes()
    except OSError as error:
        message = f"it cannot be read: {error.strerror}"
        raise SitesError([Problem(file=shown(path), line=1, column=1, path="", message=message)]) from error


def examine(path: Path, data: bytes) -> SiteList:
    """What is, or shall be, in a file, with all problems and warnings, in reading order.

    Raises:
        SitesError: it is no CSV file in UTF-8.
    """
    sheet = read_sheet(path, data, likeness=likeness)
    columns, problems = read_header(sheet)
    if sheet.problems or not columns:
        return SiteList(
            sheet=sheet, columns=(), sites=(), problems=tuple(sorted([*sheet.problems, *problems])), warnings=()
        )
    rows = [row for row in sheet.rows[1:] if not row.blank]
    read: list[tuple[Row, dict[str, Value]]] = []
    for row in rows:
        values = values_of(row, columns)
        wrong = row_problems(sheet, row, columns, values)
        problems += wrong
        read.append((row, values))
    if not rows:
        problems.append(sheet.problem(sheet.rows[0].cells[0], "there is no row below the header"))
    return SiteList(
        sheet=sheet,
        columns=columns,
        sites=tuple(_site(row, values) for row, values in read),
        problems=tuple(sorted([*problems, *repeated(sheet, [values for _, values in read])])),
        warnings=tuple(sorted(shared(sheet, [values for _, values in read]))),
    )


def _site(row: Row, values: Mapping[str, Value]) -> Site:
    known = {name: values[name].text for name in COLUMNS if name in values}
    extra = {name.removeprefix(FREE): value.text for name, value in values.items() if name.startswith(FREE)}
    told = {secret_called(name): value.text for name, value in values.items() if name.startswith(SHARED)}
    return Site(row=row.number, line=row.line, **known, shared=told, extra=extra)
