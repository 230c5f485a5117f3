"""Workspaces of well-known build services in what should speak of the device only."""

from __future__ import annotations

import re
from collections.abc import Iterable

from builder.audit.facts import Facts
from builder.audit.finding import Hit, Rule, Severity
from builder.audit.tree import Tree
from builder.units import MIB

_WORKSPACE = re.compile(
    rb"/home/runner/work/[^\s\"']*|/github/workspace/[^\s\"']*|/home/vsts/work/[^\s\"']*"
    rb"|/var/lib/jenkins/workspace/[^\s\"']*|/builds/[\w.-]+/[\w.-]+/[^\s\"']*|file:///(?:home|root|tmp|builds)/[^\s\"']*"
)
_MARKS = (b"/runner/work/", b"/github/workspace/", b"/vsts/work/", b"/jenkins/workspace/", b"/builds/", b"file:///")
"""Every match has one of them."""

_PLACES = ("etc/*", "usr/local/bin/*", "usr/local/etc/*", "*/direct_url.json", "*/bin/activate*", "*/pyvenv.cfg")
"""Configuration, and what pip and venv write; programs may keep the paths of their own compilation."""


def _find(tree: Tree, _facts: Facts) -> Iterable[Hit]:
    for file in tree.files(*_PLACES):
        found = tree.search(file, _WORKSPACE, any_of=_MARKS) if file.size <= MIB else None
        if found is not None:
            yield file.path, f"names a place of the build: {found.decode(errors='replace')[:80]}"


RULE = Rule(
    name="build-paths",
    severity=Severity.SERIOUS,
    why="the image tells where it was built, and holds paths that do not exist on the device",
    remedy="build or install it under the path that it has on the device",
    find=_find,
)
