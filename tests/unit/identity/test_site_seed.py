"""From a row to the seed of its device."""

from __future__ import annotations

import pytest
from seed import document
from seed.document import Facility, Seed, Wifi

from builder.errors import SitesError
from builder.identity.site_seed import seed_of, shown_seed
from builder.identity.sites import Site

SITE = Site(
    row=2,
    line=2,
    code="K7M3-Q2XG",
    facility="École du Lac",
    location="Kisumu",
    language="fr-fr",
    timezone="Africa/Nairobi",
    preset="formal",
    admin="directrice",
    admin_password="lusab-babad",
    hostname="ecole-k7m3-q2xg",
    wifi_ssid="Ecole",
    wifi_passphrase="chalk and slate",
    wifi_country="KE",
    slot="1",
    extra={"district": "Lac"},
)


def test_every_value_is_told_to_the_device() -> None:
    seed = seed_of(SITE, image="kolibri-pc")
    assert seed == Seed(
        image="kolibri-pc",
        code="K7M3-Q2XG",
        hostname="ecole-k7m3-q2xg",
        timezone="Africa/Nairobi",
        facility=Facility(
            name="École du Lac", location="Kisumu", preset="formal", language="fr-fr", admin="directrice"
        ),
        wifi=Wifi(ssid="Ecole", passphrase="chalk and slate", country="KE"),
        admin_password="lusab-babad",
        extra={"district": "Lac"},
    )
    assert document.parse(document.render(seed)) == seed


def test_a_row_that_says_nothing_makes_a_seed_that_says_nothing() -> None:
    assert seed_of(Site(row=2, line=2), image=None) == Seed()


def test_a_host_name_that_waits_for_a_code_is_refused() -> None:
    with pytest.raises(SitesError, match=r"sites mint"):
        seed_of(Site(row=4, line=4, hostname="school-{code}"), image=None)


def test_secrets_are_shown_only_when_asked() -> None:
    seed = seed_of(SITE, image=None)
    assert "lusab-babad" in shown_seed(seed, secrets=True)
    public = shown_seed(seed, secrets=False)
    assert "lusab" not in public
    assert "slate" not in public
    assert 'ssid = "Ecole"' in public
    assert "taken" not in public
