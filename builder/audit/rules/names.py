"""The name and the resolver of the build host, which bootstrapping copies into a tree to make the network work."""

from __future__ import annotations

import re
from collections.abc import Iterable

from builder.audit.facts import Facts
from builder.audit.finding import Hit, Rule, Severity
from builder.audit.tree import Tree

_SERVER = re.compile(r"^\s*nameserver\s+(?!127\.|::1\b)(\S+)", re.MULTILINE)


def _find_hostname(tree: Tree, facts: Facts) -> Iterable[Hit]:
    host = facts.build_host.name
    for path in ("etc/hostname", "etc/mailname"):
        name = tree.text(path).strip()
        if host and name.partition(".")[0] == host.partition(".")[0]:
            yield path, f"names the build host, {name}"


def _find_resolver(tree: Tree, _facts: Facts) -> Iterable[Hit]:
    server = _SERVER.search(tree.text("etc/resolv.conf"))
    if server is not None:
        yield "etc/resolv.conf", f"names the resolver {server[1]} of one network"


HOSTNAME = Rule(
    name="hostname",
    severity=Severity.MINOR,
    why="every device would take the name of the machine that built the image",
    remedy="remove it, or write a neutral name; first boot gives each device its own",
    find=_find_hostname,
)

RESOLVER = Rule(
    name="resolver",
    severity=Severity.MINOR,
    why="the build host's resolver does not exist where the device goes, so no name would be found",
    remedy="link it to /run/systemd/resolve/stub-resolv.conf, or remove it",
    find=_find_resolver,
)
