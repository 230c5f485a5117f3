"""The machine id: systemd, D-Bus, DHCP and Kolibri derive their own ids from it."""

from __future__ import annotations

import re
from collections.abc import Iterable

from builder.audit.facts import Facts
from builder.audit.finding import Hit, Rule, Severity
from builder.audit.tree import Tree

_UNSET = ("", "uninitialized")
"""What machine-id(5) lets an image contain."""

_ID_IN_BOOT_PATH = re.compile(r"(?:^|/)(?:boot|efi|loader/entries)/(?:.*/)?[0-9a-f]{32}(?:[-/]|$)")
"""kernel-install(8) names directories and boot entries after the machine id."""


def _find(tree: Tree, _facts: Facts) -> Iterable[Hit]:
    if tree.text("etc/machine-id").strip() not in _UNSET:
        yield "etc/machine-id", "holds an id"
    if tree.text("var/lib/dbus/machine-id").strip() not in _UNSET:
        yield "var/lib/dbus/machine-id", "holds an id and is not a link to /etc/machine-id"
    if re.fullmatch(r"[0-9a-f]{32}", tree.text("etc/kernel/entry-token").strip()):
        yield "etc/kernel/entry-token", "holds a machine id"
    for file in tree.everything():
        if _ID_IN_BOOT_PATH.search(file.path):
            yield file.path, "is named after a machine id"


RULE = Rule(
    name="machine-id",
    severity=Severity.CRITICAL,
    why="devices with one machine id get the same addresses and are one device to Kolibri and to the journal",
    remedy="empty /etc/machine-id as the last step, and link /var/lib/dbus/machine-id to it",
    find=_find,
)
