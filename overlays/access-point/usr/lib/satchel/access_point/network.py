"""What the network shall be: out of the recipe, the seed of the device, and its own secret. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from ipaddress import IPv4Interface
from typing import Any

from device.errors import DeviceError

INTERFACE = "wlan0"


@dataclass(frozen=True, slots=True, kw_only=True)
class Network:
    """A wireless network. Without a passphrase it is open."""

    ssid: str
    passphrase: str | None = field(repr=False)
    country: str
    channel: int
    address: IPv4Interface
    """The device's own, with the length of the network's prefix."""


def network(recipe: Mapping[str, Any], *, told: Mapping[str, str], code: str, secret: str | None) -> Network:
    """The network of this device.

    Args:
        recipe: What the recipe says (access-point.json).
        told: What the seed says (wifi.json); nothing if it says nothing.
        code: The facility code, for the name of the network.
        secret: The passphrase that the device made for itself.

    Raises:
        DeviceError: nobody says in which country this is, or there is no passphrase and the network is not to be open.
    """
    country = told.get("country") or recipe["country"]
    if country is None:
        raise DeviceError(
            "nobody says in which country this is, so no radio may send",
            advice="Give the seed a wifi.country such as KE, or the recipe an access_point.country.",
        )
    passphrase = told.get("passphrase") or (None if recipe["open"] else secret)
    if passphrase is None and not recipe["open"]:
        raise DeviceError(
            "there is no passphrase for the wireless network",
            advice=f"Write one of 8 to 63 characters to /etc/satchel/secrets/{recipe['secret']}, for root only.",
        )
    return Network(
        ssid=told.get("ssid") or recipe["ssid"].replace("{code}", code),
        passphrase=passphrase,
        country=country,
        channel=recipe["channel"],
        address=IPv4Interface(recipe["address"]),
    )
