"""Codes and passwords for the rows that have none yet. Pure: chance is an argument."""

from __future__ import annotations

import re
import secrets
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from seed import code as codes
from seed import password

from builder.errors import SitesError
from builder.identity.columns import secret_called
from builder.identity.sheet import letters
from builder.identity.sites import Site, SiteList

_LIKE_A_NUMBER_OR_DATE: Final = re.compile(r"[0-9E-]*|(JAN|FEB|MAR|APR|MAY|SEP|DEC)[0-9-]*")
"""Codes that a spreadsheet might turn into something else: one in eight thousand, (10/31)^8."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Minted:
    """A list with what was missing, and how much that was."""

    data: bytes
    codes: int
    passwords: int
    secrets: int


def mint_codes(
    count: int, *, taken: Collection[str], randbelow: Callable[[int], int] = secrets.randbelow
) -> tuple[str, ...]:
    """New codes, different from one another and from those that are taken."""
    new: dict[str, None] = {}
    while len(new) < count:
        code = codes.mint(randbelow)
        if code not in taken and not _LIKE_A_NUMBER_OR_DATE.fullmatch(code):
            new[code] = None
    return tuple(new)


def mint(
    found: SiteList,
    *,
    taken: Collection[str] = (),
    passwords: bool = False,
    shared: Mapping[str, Callable[[], str]] = MappingProxyType({}),
    randbelow: Callable[[int], int] = secrets.randbelow,
    randbits: Callable[[int], int] = secrets.randbits,
) -> Minted:
    """The list with a code in each row without one, and with passwords and secrets if asked; what is there stays.

    `shared` are makers of secrets by the names of their columns; all rows get the same value, that of the first row
    which has one.

    Raises:
        SitesError: there is no column for passwords, or for one of the secrets.
    """
    _require_columns(found, (*(("admin_password",) if passwords else ()), *shared))
    without_code = [site for site in found.sites if site.code is None]
    without_password = [site for site in found.sites if passwords and site.admin_password is None]
    known = {site.code for site in found.sites if site.code}
    values: dict[int, dict[int, str]] = {}
    new_codes = mint_codes(len(without_code), taken={*taken, *known}, randbelow=randbelow)
    for site, code in zip(without_code, new_codes, strict=True):
        values.setdefault(site.row, {})[found.columns.index("code")] = code
    for site in without_password:
        values.setdefault(site.row, {})[found.columns.index("admin_password")] = password.mint(randbits)
    for name, make in shared.items():
        value = _known(found, name) or _for_a_cell(make)
        for site in _without(found, name):
            values.setdefault(site.row, {})[found.columns.index(name)] = value
    return Minted(
        data=found.sheet.with_values(values),
        codes=len(without_code),
        passwords=len(without_password),
        secrets=sum(len(_without(found, name)) for name in shared),
    )


def _require_columns(found: SiteList, needed: Iterable[str]) -> None:
    cell = found.sheet.rows[0].cells[-1]
    hint = f"add it behind column {letters(cell.index)}"
    if problems := [
        found.sheet.problem(cell, f'there is no column "{name}" for what shall be minted', hint=hint)
        for name in needed
        if name not in found.columns
    ]:
        raise SitesError(problems)


def _known(found: SiteList, column: str) -> str | None:
    """The secret that the rows share, if one of them has it."""
    values = (site.shared.get(secret_called(column)) for site in found.sites)
    return next(filter(None, values), None)


def _without(found: SiteList, column: str) -> list[Site]:
    return [site for site in found.sites if secret_called(column) not in site.shared]


def _for_a_cell(make: Callable[[], str]) -> str:
    """A value that a spreadsheet does not take for a formula."""
    while not (value := make())[0].isalnum():
        pass
    return value
