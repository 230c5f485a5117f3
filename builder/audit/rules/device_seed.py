"""A seed that says who one device is, filled in and left in an image."""

from __future__ import annotations

import re
from collections.abc import Iterable

from builder.audit.facts import Facts
from builder.audit.finding import Hit, Rule, Severity
from builder.audit.tree import Tree

_FILLED = re.compile(r"^\s*[^\s#]", re.MULTILINE)
"""A template has only comments and blank lines."""


def _find(tree: Tree, _facts: Facts) -> Iterable[Hit]:
    for file in tree.files("satchel-seed.txt", "*/satchel-seed.txt"):
        # Windows' editor puts a mark of the byte order at the beginning.
        if _FILLED.search(tree.text(file.path).removeprefix("\ufeff")):
            yield file.path, "is filled in for one device"


RULE = Rule(
    name="device-seed",
    severity=Severity.CRITICAL,
    why="every device would take the names and passwords that were meant for one",
    remedy="put the empty template back, or build the image again; a seed is given to each card when it is flashed",
    find=_find,
)
