"""Rules about the wireless network of a recipe. Pure."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator
from typing import Final

from builder.recipe.access_point import COUNTRIES, LONGEST_SSID
from builder.recipe.finding import Finding, Rule
from builder.recipe.model import Recipe

_CODE: Final = "{code}"
_CODE_BYTES: Final = 9
"""Of a facility code such as 7K4M-Q2XD."""
_SMALLEST: Final = 16
"""Addresses of a network that still has room for some tablets."""


def _needs_its_part(recipe: Recipe) -> Iterator[Finding]:
    if recipe.access_point is None:
        return
    if "hostapd" not in recipe.packages.apt or all(overlay.name != "access-point" for overlay in recipe.overlays):
        yield Finding(
            ("access_point",), "nothing on the device makes a network", "add lib/access-point.yml to `extends`"
        )


def _country(recipe: Recipe) -> Iterator[Finding]:
    if recipe.access_point and recipe.access_point.country not in {None, *COUNTRIES}:
        hint = "write GB" if recipe.access_point.country == "UK" else "write the two letters of ISO 3166"
        yield Finding(("access_point", "country"), f"there is no country {recipe.access_point.country}", hint)


def _ssid(recipe: Recipe) -> Iterator[Finding]:
    if recipe.access_point is None:
        return
    name = recipe.access_point.ssid
    size = len(name.replace(_CODE, "x" * _CODE_BYTES).encode())
    if size > LONGEST_SSID:
        message = f"the network's name has {size} bytes, and at most {LONGEST_SSID} are possible"
        yield Finding(("access_point", "ssid"), message, f"{_CODE} has {_CODE_BYTES}; letters with accents have two")


def _address(recipe: Recipe) -> Iterator[Finding]:
    if recipe.access_point is None:
        return
    keys, text = ("access_point", "address"), recipe.access_point.address
    try:
        own = ipaddress.IPv4Interface(text)
    except ValueError:
        yield Finding(keys, f"{text} is no address with its network", "it looks like 10.42.0.1/24")
        return
    if own.network.num_addresses < _SMALLEST:
        yield Finding(keys, f"{own.network} has room for {own.network.num_addresses} addresses only", "write /24")
    elif own.ip in {own.network.network_address, own.network.broadcast_address}:
        yield Finding(keys, f"{own.ip} is no address of a device in {own.network}", "take the next one")


def _secret(recipe: Recipe) -> Iterator[Finding]:
    point = recipe.access_point
    if point is None or point.open or "hostapd" not in recipe.packages.apt:
        return
    made = {secret.name: secret.generate for secret in recipe.secrets}
    if made.get(point.passphrase) != "password":
        message = f"{point.passphrase} is no secret that can be a passphrase"
        yield Finding(("access_point", "passphrase"), message, "name a secret that is generated as a `password`")


def _port_80(recipe: Recipe) -> Iterator[Finding]:
    if recipe.access_point and recipe.https and recipe.https.redirect:
        message = "port 80 answers the systems on the wireless network, too, so it cannot redirect everybody"
        yield Finding(("https", "redirect"), message, "write `redirect: false`")


ACCESS_POINT_RULES: tuple[tuple[tuple[str, ...], Rule], ...] = (
    (("access_point", "packages", "overlays"), _needs_its_part),
    (("access_point",), _country),
    (("access_point",), _ssid),
    (("access_point",), _address),
    (("access_point", "secrets"), _secret),
    (("access_point", "https"), _port_80),
)
"""Every rule about the wireless network, with the sections that it reads."""
