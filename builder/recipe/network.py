"""What a recipe says about the network: who may reach what. Pure."""

from __future__ import annotations

from typing import Annotated, Literal

from builder.recipe.shapes import Part, Port, Shape

CONTAINERS = "containers"
"""In the place of addresses: the containers of the device."""

OPERATOR = "technician"
"""Who logs in by SSH, with a key that a cloud tells the device."""

SSH = 22

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
