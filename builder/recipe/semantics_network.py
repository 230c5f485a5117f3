"""Rules about the network of a recipe. Pure."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator

from builder.recipe.finding import Finding, Rule
from builder.recipe.model import Recipe
from builder.recipe.network import CONTAINERS


def _needs_nftables(recipe: Recipe) -> Iterator[Finding]:
    if recipe.firewall is None:
        return
    if "nftables" not in recipe.packages.apt or all(overlay.name != "firewall" for overlay in recipe.overlays):
        yield Finding(("firewall",), "nothing on the device closes ports", "add lib/firewall.yml to `extends`")


def _addresses(recipe: Recipe) -> Iterator[Finding]:
    for i, port in enumerate(recipe.firewall.open if recipe.firewall else ()):
        for j, source in enumerate(port.sources):
            if source != CONTAINERS and _network(source) is None:
                near = _network(source, strict=False)
                hint = f"did you mean {near}?" if near else "a network looks like 10.1.0.0/16 or fd00::/8"
                yield Finding(("firewall", "open", i, "sources", j), f"{source} is no network", hint)


def _network(text: str, *, strict: bool = True) -> str | None:
    """The network in a text; with `strict`, the address of a machine in it is none."""
    try:
        return str(ipaddress.ip_network(text, strict=strict))
    except ValueError:
        return None


NETWORK_RULES: tuple[tuple[tuple[str, ...], Rule], ...] = (
    (("firewall", "packages", "overlays"), _needs_nftables),
    (("firewall",), _addresses),
)
"""Every rule about the network, with the sections that it reads."""
