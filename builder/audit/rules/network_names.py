"""Configuration bound to the hardware address of one machine."""

from __future__ import annotations

import re
from collections.abc import Iterable

from builder.audit.facts import Facts
from builder.audit.finding import Hit, Rule, Severity
from builder.audit.tree import Tree

_ADDRESS = re.compile(
    rb"^\s*(?:[^#;\s].*)?\b(?:(?:Permanent)?MACAddress|mac-address|cloned-mac-address|hwaddress|macaddress|HWADDR"
    rb'|ATTR\{address\})\s*(?:==?|:)?\s*"?(?:ether\s+)?(?:[0-9a-f]{2}:){5}[0-9a-f]{2}',
    re.IGNORECASE | re.MULTILINE,
)


def _find(tree: Tree, _facts: Facts) -> Iterable[Hit]:
    for file in tree.files(
        "etc/udev/rules.d/*", "etc/systemd/network/*", "etc/network/interfaces*", "etc/netplan/*",
        "etc/NetworkManager/system-connections/*",
    ):  # fmt: skip
        if tree.search(file, _ADDRESS):
            yield file.path, "names a hardware address"
        elif file.size and re.search(r"/\d+-persistent-(?:net|cd)\.rules$", file.path):
            yield file.path, "gives interfaces the names that they had on one machine"


RULE = Rule(
    name="hardware-addresses",
    severity=Severity.SERIOUS,
    why="on any other device the interface gets another name or no configuration at all",
    remedy="remove it, or match by Type= or by driver instead of by address",
    find=_find,
)
