"""What dnsmasq reads, which gives out addresses and knows every name. Pure. Source: dnsmasq(8)."""

from __future__ import annotations

from access_point.network import INTERFACE, Network

_LEASES = "/run/satchel-access-point/leases"
"""In memory: a card should not be written whenever a tablet comes by."""
_FIRST, _LAST = 10, -5
"""The addresses given out, counted from both ends of the network."""

WINDOWS = ("dns.msftncsi.com", "131.107.255.255")
"""The name and the address by which Windows knows whether names are told (Microsoft, NCSI)."""


def configuration(network: Network) -> str:
    """The configuration: every name is the device, and there is nothing beyond it to be asked."""
    within = network.address.network
    first, last = within[_FIRST], within[_LAST]
    lines = [
        f"interface={INTERFACE}",
        "except-interface=lo",
        # The address may come later than we.
        "bind-dynamic",
        "no-resolv",
        "no-hosts",
        f"address=/#/{network.address.ip}",
        # And only that: nobody is asked for other kinds of addresses.
        "local=/#/",
        f"address=/{'/'.join(WINDOWS)}",
        f"dhcp-range={first},{last},{within.netmask},12h",
        "dhcp-authoritative",
        f"dhcp-leasefile={_LEASES}",
    ]
    return "\n".join(lines) + "\n"
