"""The label sheet: a page to print on stickers, one for each device, with what a technician or a teacher needs of it.

The template and its style lie beside this file.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import segno
from markupsafe import Markup
from segno import helpers

from builder.errors import Problem, SitesError
from builder.identity import pages
from builder.identity.matching import site_for
from builder.identity.pages import Letters, Page
from builder.identity.pattern import fill
from builder.identity.sites import Site, SiteList
from builder.recipe.problems import shown
from builder.templates import page_environment

_BESIDE: Final = Path(__file__).parent


@dataclass(frozen=True, slots=True, kw_only=True)
class Defaults:
    """What a recipe says where a row is silent; `hostname` and `facility` may hold `{code}`."""

    hostname: str
    facility: str | None
    admin: str | None
    port: int | None
    """Where Kolibri answers; none without Kolibri."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Square:
    """A QR code with its caption."""

    caption: str
    svg: Markup


@dataclass(frozen=True, slots=True, kw_only=True)
class Label:
    """What stands on one sticker."""

    code: str
    facility: str | None
    location: str | None
    lines: tuple[tuple[str, str], ...] = field(repr=False)
    """Names and values."""
    letters: Letters
    squares: tuple[Square, ...] = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelSheet:
    """The page, and whether it shows passwords."""

    html: str
    labels: int
    secret: bool


def label_sheet(
    found: SiteList,
    defaults: Defaults,
    page: Page,
    *,
    only: Sequence[str] = (),
    secrets: bool = False,
    skip: int = 0,
    cut_lines: bool = False,
) -> LabelSheet:
    """The labels of a list, or of the sites with the codes in `only`, as HTML that needs nothing else.

    Only with `secrets` does it show passwords, and a protected network as a QR code. `skip` leaves stickers free that
    were used already.

    Raises:
        UnknownSite: the list has no such code.
        SitesError: a site has no code yet, or too long values for its sticker.
    """
    chosen = [site for code in only if (site := site_for(found.sites, code=code))] or found.sites
    problems: list[Problem] = []
    labels = [label for site in chosen if (label := _label(found, site, defaults, page, problems, secrets=secrets))]
    if problems:
        raise SitesError(problems)
    secret = secrets and any(site.has_secrets for site in chosen)
    template = page_environment().from_string((_BESIDE / "labels.html.j2").read_text(encoding="utf-8"))
    places: list[Label | None] = [*[None] * skip, *labels]
    size = page.columns * page.rows
    html = template.render(
        page=page,
        pages=pages,
        sheets=[places[first : first + size] for first in range(0, len(places), size)],
        cut_lines=cut_lines,
        secret=secret,
        style=Markup((_BESIDE / "labels.css").read_text(encoding="utf-8")),
    )
    return LabelSheet(html=html, labels=len(labels), secret=secret)


def _label(
    found: SiteList, site: Site, defaults: Defaults, page: Page, problems: list[Problem], *, secrets: bool
) -> Label | None:
    if site.code is None:
        hint = f"`satchel sites mint {shown(found.sheet.file)}` fills blank codes in"
        problems.append(found.problem(site, "it has no code yet", hint=hint))
        return None
    hostname = fill(site.hostname or defaults.hostname, {"code": site.code.lower()})
    address = f"http://{hostname}:{defaults.port}/" if defaults.port else None
    facility = site.facility or defaults.facility
    lines = tuple(_lines(site, hostname, address, defaults, secrets=secrets))
    squares = _squares(site, address, secrets=secrets)
    letters = page.letters([value for _, value in lines], squares=len(squares))
    if letters is None:
        hint = "choose larger labels, or shorten the longest of them"
        problems.append(found.problem(site, "its address, network and passwords do not fit on the label", hint=hint))
        return None
    return Label(
        code=site.code,
        facility=fill(facility, {"code": site.code}) if facility else None,
        location=site.location if page.with_location else None,
        lines=lines,
        letters=letters,
        squares=squares,
    )


def _lines(
    site: Site, hostname: str, address: str | None, defaults: Defaults, *, secrets: bool
) -> list[tuple[str, str]]:
    lines = [("Address", address.removesuffix("/")) if address else ("Name", hostname)]
    if site.wifi_ssid:
        lines.append(("Wi-Fi", site.wifi_ssid))
    if secrets and site.wifi_passphrase:
        lines.append(("Passphrase", site.wifi_passphrase))
    if secrets and site.admin_password:
        lines += [("User", admin)] if (admin := site.admin or defaults.admin) else []
        lines.append(("Password", site.admin_password))
    return lines


def _squares(site: Site, address: str | None, *, secrets: bool) -> tuple[Square, ...]:
    """First the network, then the address: the order in which a visitor's telephone needs them."""
    squares = []
    if site.wifi_ssid and (secrets or site.wifi_passphrase is None):
        protection = "WPA" if site.wifi_passphrase else "nopass"
        network = helpers.make_wifi_data(ssid=site.wifi_ssid, password=site.wifi_passphrase, security=protection)
        squares.append(_square("Join the Wi-Fi", network))
    if address:
        squares.append(_square("Open Kolibri", address))
    return tuple(squares)


def _square(caption: str, text: str) -> Square:
    # Without a mark of their encoding, letters beyond ASCII are guesswork: zbar takes them for Japanese.
    made = segno.make_qr(text, error="m", encoding="utf-8", eci=not text.isascii())
    # A drawing of our own; nothing that people wrote stands in it.
    return Square(caption=caption, svg=Markup(made.svg_inline(omitsize=True, border=4, svgclass=None, lineclass=None)))
