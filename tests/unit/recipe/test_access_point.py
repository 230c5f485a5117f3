"""The wireless network of a recipe: its countries are those that there are, and its rules end where they should."""

from __future__ import annotations

from typing import Any

import pytest

from builder.identity.places import countries
from builder.recipe.access_point import COUNTRIES, AccessPoint
from builder.recipe.model import Recipe
from builder.recipe.semantics_access_point import ACCESS_POINT_RULES
from tests.unit.finished_image import MANIFEST


def found(**point: Any) -> list[str]:
    """The keys at which something is wrong, but for what the part would bring."""
    recipe = MANIFEST.recipe.model_copy(update={"access_point": AccessPoint.model_validate({"open": True, **point})})
    return [str(finding.keys[-1]) for finding in _findings(recipe) if finding.keys[-1] != "access_point"]


def _findings(recipe: Recipe) -> list[Any]:
    return [finding for _, rule in ACCESS_POINT_RULES for finding in rule(recipe)]


def test_the_countries_are_those_that_this_machine_knows() -> None:
    assert set(countries()) == COUNTRIES


@pytest.mark.parametrize(("country", "wrong"), [(None, []), ("KE", []), ("UK", ["country"]), ("XX", ["country"])])
def test_a_country_exists(country: str | None, wrong: list[str]) -> None:
    assert found(country=country) == wrong


@pytest.mark.parametrize(
    ("ssid", "wrong"),
    [
        ("x" * 32, []),
        ("x" * 33, ["ssid"]),
        ("x" * 23 + "{code}", []),
        ("x" * 24 + "{code}", ["ssid"]),
        ("é" * 17, ["ssid"]),
    ],
)
def test_a_name_has_32_bytes_at_most(ssid: str, wrong: list[str]) -> None:
    assert found(ssid=ssid) == wrong


@pytest.mark.parametrize(
    ("address", "wrong"),
    [
        ("10.42.0.1/24", []),
        ("192.168.4.1/28", []),
        ("192.168.4.1/29", ["address"]),
        ("10.42.0.0/24", ["address"]),
        ("10.42.0.255/24", ["address"]),
        ("10.42.0.256/24", ["address"]),
        ("10.42.0.1/33", ["address"]),
    ],
)
def test_the_address_is_one_of_a_device_with_room_for_others(address: str, wrong: list[str]) -> None:
    assert found(address=address) == wrong
