"""Traces of containers: of the one that the image was built in, and of those that ran in it."""

from __future__ import annotations

import re
from collections.abc import Iterable

from builder.audit.facts import Facts
from builder.audit.finding import Hit, Rule, Severity
from builder.audit.tree import Tree

_IN_ONE = {".dockerenv": "marks a container", "run/.containerenv": "is the id of a container"}
_RAN = ("var/lib/docker/containers/*/*", "var/lib/containers/storage/overlay-containers/*/userdata/*")
_ID = re.compile(r"[0-9a-f]{12}")


def _find(tree: Tree, _facts: Facts) -> Iterable[Hit]:
    for path, what in _IN_ONE.items():
        if tree.get(path):
            yield path, what
    if _ID.fullmatch(tree.text("etc/hostname").strip()):
        yield "etc/hostname", "is the id of a container"
    for file in tree.files(*_RAN):
        if file.size:
            yield file.path, "is the state of a container, with its id and its environment"


RULE = Rule(
    name="containers",
    severity=Severity.SERIOUS,
    why="programs believe that they run in a container; what ran keeps its ids, and often passwords in its environment",
    remedy="remove it at the end of the build; remove containers after use, and load only their images",
    find=_find,
)
