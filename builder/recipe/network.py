"""What a recipe says about the network: who may reach what. Pure."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from builder.recipe.shapes import Part, Port, Shape, Size
from builder.units import MIB

CONTAINERS = "containers"
"""In the place of addresses: the containers of the device."""

OPERATOR = "technician"
"""Who logs in by SSH, with a key that a cloud tells the device."""

SSH = 22
HTTP = 80
"""The port on which browsers ask first."""

Source = Annotated[
    str,
    Shape(
        r"containers|[0-9]{1,3}(\.[0-9]{1,3}){3}(/[0-9]{1,2})?|[0-9a-f:]*:[0-9a-f:]*(/[0-9]{1,3})?",
        'an address or a network such as 10.1.0.0/16, or the word "containers"',
    ),
]


class OpenPort(Part):
    """A port of the device that others may reach."""

    port: Port
    """The port."""
    protocol: Literal["tcp", "udp"] = "tcp"
    """The protocol."""
    sources: tuple[Source, ...] = ()
    """Who may reach it: addresses, networks, or `containers`; everybody when left out."""


class Firewall(Part):
    """Everything is closed but what is declared: here, by containers with `address: 0.0.0.0`, and Kolibri's ports.
    Needs the part `lib/firewall.yml`.
    """

    open: tuple[OpenPort, ...] = ()
    """Further ports, such as 22 for SSH."""


class TlsPort(Part):
    """A port that speaks HTTPS, in front of a program that does not."""

    port: Port = 443
    """The port that others reach."""
    to: Port
    """The port on which the program answers the device, by HTTP."""


class Https(Part):
    """HTTPS for what speaks HTTP, with the device's certificate. Needs the part `lib/https.yml`."""

    ports: Annotated[tuple[TlsPort, ...], Field(min_length=1)]
    """Each port, and what is behind it."""
    redirect: bool = True
    """Answer on port 80, too, and send everybody to the first of `ports`."""
    upload: Size = Field(default=100 * MIB)
    """The most that somebody may send in one request."""


def https_ports(https: Https | None) -> tuple[int, ...]:
    """The ports that HTTPS needs open."""
    if https is None:
        return ()
    return (*(each.port for each in https.ports), *((HTTP,) if https.redirect else ()))
