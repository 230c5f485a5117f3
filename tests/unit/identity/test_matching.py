"""Which row a card or a device belongs to."""

from __future__ import annotations

import pytest

from builder.identity.matching import UnknownSite, site_for
from builder.identity.sites import Site

FIRST = Site(row=2, line=2, code="K7M3-Q2XG", slot="1", serial="PF2XK9A1", mac="52:54:00:ab:34:56")
SECOND = Site(row=4, line=4, code="9F4T-1B62", slot="2")
SITES = (FIRST, SECOND, Site(row=5, line=5))


def test_a_site_is_found_by_whatever_is_known() -> None:
    assert site_for(SITES, code="k7m3q2xg") is FIRST
    assert site_for(SITES, row=4) is SECOND
    assert site_for(SITES, slot="2") is SECOND
    assert site_for(SITES, serial="pf2xk9a1") is FIRST
    assert site_for(SITES, mac="52-54-00-AB-34-56") is FIRST
    assert site_for(SITES, slot="1", serial="PF2XK9A1", row=2) is FIRST


def test_facts_that_the_list_does_not_know_mean_nothing() -> None:
    assert site_for(SITES, slot="9", serial="other", mac="52:54:00:00:00:01") is None
    assert site_for(SITES) is None
    assert site_for(SITES, slot="", serial="") is None


@pytest.mark.parametrize(
    ("known", "text"),
    [
        ({"code": "36N8-3SM3"}, "the list has no code 36N8-3SM3"),
        ({"code": "K7M3-Q2XH"}, "wrong symbol"),
        ({"row": 3}, "no site in row 3"),
        ({"row": 1}, "row 1 is the header"),
        ({"slot": "1", "row": 4}, "different rows of the list: 2, 4"),
        ({"slot": "2", "mac": "52:54:00:ab:34:56"}, "different rows"),
    ],
)
def test_what_a_person_asks_for_must_be_there_and_be_one(known: dict[str, str], text: str) -> None:
    with pytest.raises(UnknownSite) as caught:
        site_for(SITES, **known)  # type: ignore[arg-type]
    assert text in str(caught.value)
