"""Codes and passwords for the rows that have none yet. Pure: chance is an argument."""

from __future__ import annotations

import re
import secrets
from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Final

from seed import code as codes
from seed import password

from builder.errors import SitesError
from builder.identity.sheet import letters
from builder.identity.sites import SiteList

_LIKE_A_NUMBER_OR_DATE: Final = re.compile(r"[0-9E-]*|(JAN|FEB|MAR|APR|MAY|SEP|DEC)[0-9-]*")
"""Codes that a spreadsheet might turn into something else: one in eight thousand, (10/31)^8."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Minted:
    """A list with what was missing, and how much that was."""

    data: bytes
    codes: int
    passwords: int


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
    randbelow: Callable[[int], int] = secrets.randbelow,
    randbits: Callable[[int], int] = secrets.randbits,
) -> Minted:
    """The list with a code in each row without one, and with a password if asked; what is there stays.

    Raises:
        SitesError: there is no column for passwords.
    """
    if passwords and "admin_password" not in found.columns:
        cell = found.sheet.rows[0].cells[-1]
        message = 'passwords need a column "admin_password", and there is none'
        raise SitesError([found.sheet.problem(cell, message, hint=f"add it behind column {letters(cell.index)}")])
    without_code = [site for site in found.sites if site.code is None]
    without_password = [site for site in found.sites if passwords and site.admin_password is None]
    known = {site.code for site in found.sites if site.code}
    values: dict[int, dict[int, str]] = {}
    new_codes = mint_codes(len(without_code), taken={*taken, *known}, randbelow=randbelow)
    for site, code in zip(without_code, new_codes, strict=True):
        values.setdefault(site.row, {})[found.columns.index("code")] = code
    for site in without_password:
        values.setdefault(site.row, {})[found.columns.index("admin_password")] = password.mint(randbits)
    return Minted(data=found.sheet.with_values(values), codes=len(without_code), passwords=len(without_password))
