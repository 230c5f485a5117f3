"""What DHCP clients remember of a network, and the ids by which servers know them."""

from __future__ import annotations

from builder.audit.finding import Rule, Severity, non_empty_files

RULE = Rule(
    name="dhcp-leases",
    severity=Severity.SERIOUS,
    why="every device would ask for the same address, and the network of the build would be known",
    remedy="remove it after the last step that uses the network; DHCP clients start afresh without it",
    find=non_empty_files(
        "var/lib/dhcp/*.leases",
        "var/lib/dhclient/*",
        "var/lib/dhcpcd/*",
        "var/lib/dhcpcd5/*",
        "etc/dhcpcd.duid",
        "etc/dhcpcd.secret",
        "var/lib/NetworkManager/*.lease",
        "var/lib/NetworkManager/secret_key",
        "var/lib/NetworkManager/seen-bssids",
        "var/lib/NetworkManager/timestamps",
        "var/lib/systemd/network/*",
        "run/systemd/netif/leases/*",
        what="holds what a DHCP client remembers",
    ),
)
