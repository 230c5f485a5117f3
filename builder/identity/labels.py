"""The label sheet: a page to print on stickers, one for each device, with what a technician or a teacher needs of it.

Sheets of stickers are described by their makers' own measures. The template and its style lie beside this file.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import segno
from markupsafe import Markup
from segno import helpers

from builder.errors import SitesError
from builder.identity.matching import site_for
from builder.identity.pattern import fill
from builder.identity.sites import Site, SiteList
from builder.recipe.problems import shown
from builder.templates import page_environment

_BESIDE: Final = Path(__file__).parent


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """A sheet of stickers; all measures are millimetres."""

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

    @property
    def left(self) -> float:
        """The margin at the left, which is that at the right."""
        return round((self.width - self.columns * self.label_width - (self.columns - 1) * self.gap) / 2, 3)

    @property
    def top(self) -> float:
        """The margin at the top, which is that at the bottom."""
        return round((self.height - self.rows * self.label_height) / 2, 3)


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
        qr=26,
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
        qr=20,
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
        qr=23,
    ),
}


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
    hostname: str
    address: str | None
    wifi: str | None
    admin: str | None
    passphrase: str | None = field(repr=False)
    password: str | None = field(repr=False)
    squares: tuple[Square, ...]


def labels_of(
    found: SiteList, defaults: Defaults, *, only: Sequence[str] = (), secrets: bool = False
) -> tuple[Label, ...]:
    """The labels of a list, or of the sites with these codes, in this order.

    Raises:
        UnknownSite: the list has no such code.
        SitesError: a site has no code yet.
    """
    chosen = [site for code in only if (site := site_for(found.sites, code=code))] or found.sites
    hint = f"`satchel sites mint {shown(found.sheet.file)}` fills blank codes in"
    without = [found.problem(site, "it has no code yet", hint=hint) for site in chosen if site.code is None]
    if without:
        raise SitesError(without)
    return tuple(label_of(site, site.code, defaults, secrets=secrets) for site in chosen if site.code)


def label_of(site: Site, code: str, defaults: Defaults, *, secrets: bool) -> Label:
    """The label of a site; only with `secrets` does it show passwords, and a protected network as a QR code."""
    hostname = fill(site.hostname or defaults.hostname, {"code": code.lower()})
    facility = site.facility or defaults.facility
    address = f"http://{hostname}:{defaults.port}/" if defaults.port else None
    return Label(
        code=code,
        facility=fill(facility, {"code": code}) if facility else None,
        location=site.location,
        hostname=hostname,
        address=address,
        wifi=site.wifi_ssid,
        admin=site.admin or defaults.admin,
        passphrase=site.wifi_passphrase if secrets else None,
        password=site.admin_password if secrets else None,
        squares=_squares(site, address, secrets=secrets),
    )


def render(labels: Sequence[Label], page: Page, *, skip: int = 0, cut_lines: bool = False) -> str:
    """The sheet as HTML that needs nothing else; `skip` leaves stickers free that were used already."""
    size = page.columns * page.rows
    places: list[Label | None] = [*[None] * skip, *labels]
    template = page_environment().from_string((_BESIDE / "labels.html.j2").read_text(encoding="utf-8"))
    return template.render(
        page=page,
        sheets=[places[first : first + size] for first in range(0, len(places), size)],
        cut_lines=cut_lines,
        secret=any(label.password or label.passphrase for label in labels),
        style=Markup((_BESIDE / "labels.css").read_text(encoding="utf-8")),
    )


def _squares(site: Site, address: str | None, *, secrets: bool) -> tuple[Square, ...]:
    """First the network, then the address: the order in which a visitor's telephone needs them."""
    squares = []
    if site.wifi_ssid and (secrets or site.wifi_passphrase is None):
        protection = "WPA" if site.wifi_passphrase else None
        network = helpers.make_wifi_data(ssid=site.wifi_ssid, password=site.wifi_passphrase, security=protection)
        squares.append(_square("Join the Wi-Fi", network))
    if address:
        squares.append(_square("Open Kolibri", address))
    return tuple(squares)


def _square(caption: str, text: str) -> Square:
    made = segno.make_qr(text, error="m", encoding="utf-8")
    # A drawing of our own; nothing that people wrote stands in it.
    return Square(caption=caption, svg=Markup(made.svg_inline(omitsize=True, border=4, svgclass=None, lineclass=None)))
