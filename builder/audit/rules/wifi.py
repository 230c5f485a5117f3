"""Passphrases of wireless networks that the build host knew."""

from __future__ import annotations

import re
from collections.abc import Iterable

from builder.audit.facts import Facts
from builder.audit.finding import Hit, Rule, Severity
from builder.audit.tree import Tree

_PLACES = (
    "etc/NetworkManager/system-connections/*",
    "etc/wpa_supplicant/*.conf",
    "etc/wpa_supplicant.conf",
    "etc/network/interfaces*",
    "etc/netplan/*",
    "var/lib/iwd/*",
    "var/lib/connman/*",
    "etc/hostapd/*.conf",
    "wpa_supplicant.conf",
    "boot/*wpa_supplicant.conf",
    "network-config",
    "boot/*network-config",
    "custom.toml",
    "boot/*custom.toml",
    "firstrun.sh",
    "boot/*firstrun.sh",
)

_SECRET = re.compile(
    rb"^\s*(?:(?:psk|password|passphrase|wep[-_]key\d?|private-key-password|wpa_passphrase|preshared-?key)\s*[=:]"
    rb"|(?:wpa-psk|wpa-passphrase|wireless-key)\s)\s*\S",
    re.IGNORECASE | re.MULTILINE,
)


def _find(tree: Tree, _facts: Facts) -> Iterable[Hit]:
    for file in tree.files(*_PLACES):
        if tree.search(file, _SECRET):
            yield file.path, "holds the passphrase of a network"


RULE = Rule(
    name="wifi-secrets",
    severity=Severity.CRITICAL,
    why="everybody who gets a card would know the network's passphrase",
    remedy="remove it; give each site its own network when the card is flashed",
    find=_find,
)
