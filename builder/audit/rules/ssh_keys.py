"""SSH: host keys, and keys that open a door which the recipe does not mention."""

from __future__ import annotations

import re
from collections.abc import Iterable

from builder.audit.facts import Facts
from builder.audit.finding import Hit, Rule, Severity, non_empty_files
from builder.audit.tree import Tree

_PUBLIC_KEY = re.compile(r"\b((?:ssh|ecdsa|sk)-[a-z0-9@.-]+)\s+(AAAA[A-Za-z0-9+/=]+)\s*(.*)")


def _blobs(text: str) -> frozenset[str]:
    return frozenset(match[2] for match in _PUBLIC_KEY.finditer(text))


def _find_undeclared(tree: Tree, facts: Facts) -> Iterable[Hit]:
    declared = _blobs("\n".join(facts.authorized_keys))
    for file in tree.files("*/.ssh/authorized_keys*", "etc/ssh/authorized_keys*"):
        for match in _PUBLIC_KEY.finditer(tree.text(file.path)):
            if match[2] not in declared:
                yield file.path, f"lets in a key that no recipe declares ({match[1]} {match[3]}".rstrip() + ")"


HOST_KEYS = Rule(
    name="ssh-host-keys",
    severity=Severity.CRITICAL,
    why="whoever owns one device could pretend to be every other one",
    remedy="remove /etc/ssh/ssh_host_*_key and .pub after openssh-server is installed; first boot makes new ones",
    find=non_empty_files("etc/ssh/ssh_host_*key*", "etc/dropbear/*host_key*", what="is an SSH host key"),
)

AUTHORIZED_KEYS = Rule(
    name="authorized-keys",
    severity=Severity.CRITICAL,
    why="somebody could log in to every device, and nothing says so",
    remedy="declare the key under users: authorized_keys in the recipe, or remove it",
    find=_find_undeclared,
)
