"""Which site a card or a device is for. Pure."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from seed import code as codes
from seed import rules

from builder.errors import SatchelError, SitesError
from builder.identity.columns import COLUMNS
from builder.identity.sites import Site
from builder.recipe.problems import suggest


class UnknownSite(SatchelError):
    """A site was asked for that the list does not have, or two at once."""

    exit_code = SitesError.exit_code
    meaning = SitesError.meaning


def site_for(
    sites: Sequence[Site],
    *,
    code: str | None = None,
    row: int | None = None,
    slot: str | None = None,
    serial: str | None = None,
    mac: str | None = None,
) -> Site | None:
    """The site that is meant by whatever is known; none when the list says nothing about it.

    A person gives `code` or `row`, and then it must be there. `slot`, `serial` and `mac` are facts that are looked up.

    Raises:
        UnknownSite: there is no such code or row, or what is known belongs to different sites.
    """
    asked = [_with_code(sites, code)] if code is not None else []
    asked += [_in_row(sites, row)] if row is not None else []
    facts = {"slot": slot, "serial": serial, "mac": mac}
    known = [found for name, value in facts.items() if value and (found := _with(sites, name, value))]
    rows = {site.row: site for site in [*asked, *known]}
    if len(rows) > 1:
        raise UnknownSite(f"what is known belongs to different rows of the list: {', '.join(map(str, sorted(rows)))}")
    return next(iter(rows.values()), None)


def _with_code(sites: Sequence[Site], code: str) -> Site:
    if wrong := rules.facility_code(code):
        raise UnknownSite(wrong)
    normal = codes.normalize(code)
    found = next((site for site in sites if site.code == normal), None)
    if found is None:
        known = [site.code for site in sites if site.code]
        raise UnknownSite(f"the list has no code {normal}", hint=suggest(normal, known, of="there are"))
    return found


def _in_row(sites: Sequence[Site], row: int) -> Site:
    found = next((site for site in sites if site.row == row), None)
    if found is None:
        last = max((site.row for site in sites), default=1)
        hint = f"row 1 is the header; the last site is in row {last}"
        raise UnknownSite(f"there is no site in row {row} of the list", hint=hint)
    return found


def _with(sites: Sequence[Site], name: str, value: str) -> Site | None:
    """The site with a fact, whatever its capitals."""
    normal: Callable[[str], str] = COLUMNS[name].normalize
    wanted = normal(value.strip()).casefold()
    return next((site for site in sites if (getattr(site, name) or "").casefold() == wanted), None)
