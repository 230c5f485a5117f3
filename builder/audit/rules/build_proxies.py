"""Proxies and package caches of the network in which an image was built."""

from __future__ import annotations

import re
from collections.abc import Iterable

from builder.audit.facts import Facts
from builder.audit.finding import Hit, Rule, Severity
from builder.audit.tree import Tree

_APT = re.compile(
    rb'^\s*Acquire::[A-Za-z:]*?Proxy(?:::[^\s"]+)?\s+"(?!DIRECT|false|")[^"]+"'
    rb'|^\s*(?:[A-Za-z:]*\s*\{\s*)*Proxy\s+"(?!DIRECT|false|")[^"]+"',
    re.IGNORECASE | re.MULTILINE,
)
_VARIABLE = re.compile(
    rb"""^[^#\n]*?\b(?:https?|ftp|all)_proxy["']?\s*=\s*["']?[a-z0-9]+[:.]""", re.IGNORECASE | re.MULTILINE
)
_PIP = re.compile(rb"^\s*proxy\s*=\s*\S", re.MULTILINE)

_WHERE = (
    (("etc/apt/apt.conf", "etc/apt/apt.conf.d/*"), _APT),
    (
        ("etc/environment", "etc/environment.d/*", "etc/profile*", "etc/bash.bashrc", "etc/wgetrc", "*/.wgetrc",
         "etc/systemd/system.conf*", "etc/systemd/system/*", "etc/default/docker", "*/.bashrc", "*/.profile"),
        _VARIABLE,
    ),
    (("etc/pip.conf", "*/pip.conf"), _PIP),
)  # fmt: skip


def _find(tree: Tree, _facts: Facts) -> Iterable[Hit]:
    for places, pattern in _WHERE:
        for file in tree.files(*places):
            if tree.search(file, pattern):
                yield file.path, "names the proxy of one network"


RULE = Rule(
    name="build-proxies",
    severity=Severity.SERIOUS,
    why="the device would ask for a server that exists only where the image was built, and tell where that was",
    remedy="give proxies to the build through its environment, never through the tree",
    find=_find,
)
