"""Rules about the network of a recipe. Pure."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator

from builder.recipe.finding import Finding, Rule, repeated
from builder.recipe.model import Recipe
from builder.recipe.network import CONTAINERS, HTTP


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


def _needs_nginx(recipe: Recipe) -> Iterator[Finding]:
    if recipe.https is None:
        return
    if "nginx-light" not in recipe.packages.apt or all(overlay.name != "https" for overlay in recipe.overlays):
        yield Finding(("https",), "nothing on the device speaks HTTPS", "add lib/https.yml to `extends`")
    if recipe.tls is None:
        yield Finding(("https",), "no authority vouches for the certificate", "add lib/tls.yml to `extends`")


def _taken_ports(recipe: Recipe) -> Iterator[Finding]:
    """A port of HTTPS that something else has."""
    if recipe.https is None:
        return
    ports = [(("https", "ports", i, "port"), str(each.port)) for i, each in enumerate(recipe.https.ports)]
    yield from repeated(ports, "port")
    others = {
        port.port: unit.name
        for unit in (recipe.containers.units if recipe.containers else ())
        for port in unit.ports
        if port.protocol == "tcp"
    }
    if recipe.kolibri:
        others |= dict.fromkeys((recipe.kolibri.port, recipe.kolibri.zip_port), "Kolibri")
    if recipe.https.redirect:
        others[HTTP] = "`redirect`"
    for keys, port in ports:
        if owner := others.get(int(port)):
            yield Finding(keys, f"{owner} has port {port} already", "choose another port")


NETWORK_RULES: tuple[tuple[tuple[str, ...], Rule], ...] = (
    (("firewall", "packages", "overlays"), _needs_nftables),
    (("firewall",), _addresses),
    (("https", "tls", "packages", "overlays"), _needs_nginx),
    (("https", "containers", "kolibri"), _taken_ports),
)
"""Every rule about the network, with the sections that it reads."""
