"""Kolibri: a home that is somebody's, and files that would make it somebody's."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from pathlib import PurePosixPath

from builder.audit.facts import Facts
from builder.audit.finding import Hit, Rule
from builder.audit.tree import Tree
from builder.kolibri.traces import unsealed

_PASSWORD = re.compile(rb'"password"\s*:\s*"[^"]')
_SUBJECT = re.compile(rb'"(?:superuser|facility_name|facility)"\s*:')


def _homes(tree: Tree, facts: Facts) -> Iterator[str]:
    """The declared homes, and every directory that looks like one because it holds Kolibri's database and version."""
    declared = {home.strip("/") for home in facts.kolibri_homes}
    looking_alike = {
        home
        for file in tree.files("*/db.sqlite3")
        if tree.get(f"{(home := str(PurePosixPath(file.path).parent))}/.data_version")
    }
    return (home for home in sorted(declared | looking_alike) if tree.has_directory(home))


def _find_unsealed(tree: Tree, facts: Facts) -> Iterable[Hit]:
    for home in _homes(tree, facts):
        for what in unsealed(tree.root / home):
            yield home, what
    for file in tree.files("*/.node_id"):
        if file.size:
            yield file.path, "is the id of one Kolibri"


def _find_provisioning(tree: Tree, _facts: Facts) -> Iterable[Hit]:
    for file in tree.files("etc/*.json", "srv/*.json", "var/*.json", "home/*.json", "root/*.json", "boot/*.json"):
        if tree.search(file, _PASSWORD) and tree.search(file, _SUBJECT):
            yield file.path, "tells Kolibri an administrator's password"


SEALED = Rule(
    name="kolibri-home",
    why="devices with one facility and one certificate become one giant facility when they synchronise",
    remedy="seal the home after the last `kolibri` command of the build; no `kolibri` command may follow",
    find=_find_unsealed,
)

PROVISIONING = Rule(
    name="kolibri-provisioning",
    why="every device would have the same administrator's password, readable on every card",
    remedy="remove it; first boot makes a password for each device",
    find=_find_provisioning,
)
