"""From a row of the site list to the seed of its device. Pure."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from seed import document
from seed.document import Facility, Seed, Wifi

from builder.errors import Problem, SitesError
from builder.identity.pattern import CODE
from builder.identity.sites import Site
from builder.recipe.problems import shown


def seed_of(site: Site, *, image: str | None, file: Path | None = None) -> Seed:
    """What the device of a site is told; `image` is the name of the recipe that its image was made from.

    Raises:
        SitesError: the host name needs a code, and there is none yet. `file` is the list, for the message.
    """
    if site.hostname and CODE in site.hostname:
        name = shown(file) if file else "sites.csv"
        message = f"its host name {site.hostname} needs a code, and it has none yet"
        hint = f"`satchel sites mint {name}` fills blank codes in"
        raise SitesError(
            [Problem(file=name, line=site.line, column=1, path=f"row {site.row}", message=message, hint=hint)]
        )
    wifi = (
        Wifi(ssid=site.wifi_ssid, passphrase=site.wifi_passphrase, country=site.wifi_country)
        if site.wifi_ssid
        else None
    )
    return Seed(
        image=image,
        code=site.code,
        hostname=site.hostname,
        timezone=site.timezone,
        facility=Facility(
            name=site.facility,
            location=site.location,
            preset=site.preset,
            language=site.language,
            admin=site.admin,
        ),
        wifi=wifi,
        admin_password=site.admin_password,
        shared=dict(site.shared),
        extra=dict(site.extra),
    )


def shown_seed(seed: Seed, *, secrets: bool) -> str:
    """The text of a seed without the empty lines that fill its file, and without its secrets unless they are asked."""
    public = seed if secrets else replace(document.without_secrets(seed), taken=seed.taken)
    return document.render(public).decode().rstrip("\n")
