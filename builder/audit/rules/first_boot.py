"""Traces of a first boot that already happened: a device made from such an image would believe itself finished."""

from __future__ import annotations

from collections.abc import Iterable

from builder.audit.facts import Facts
from builder.audit.finding import Hit, Rule, Severity, non_empty_files
from builder.audit.tree import Tree

_WHAT = "was written by a first boot"
_NOT_YET = ("has not been started", '"not started"')
"""What stands in the places that an image keeps for its report."""

_states = non_empty_files("var/lib/satchel/*", what=_WHAT)


def _find(tree: Tree, facts: Facts) -> Iterable[Hit]:
    yield from _states(tree, facts)
    for file in tree.files("satchel-report.*", "*/satchel-report.*"):
        if file.size > 0 and not any(words in tree.text(file.path) for words in _NOT_YET):
            yield file.path, _WHAT


RULE = Rule(
    name="first-boot-state",
    severity=Severity.CRITICAL,
    why="the device would skip its first boot and live with the identity of another one",
    remedy="build the image again instead of copying a card that has been started",
    find=_find,
)
