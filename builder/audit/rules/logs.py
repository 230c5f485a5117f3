"""Logs and memory dumps of the build."""

from __future__ import annotations

from collections.abc import Iterable

from builder.audit.facts import Facts
from builder.audit.finding import Hit, Rule, Severity
from builder.audit.rules.journals import RULE as JOURNALS
from builder.audit.tree import Tree


def _find(tree: Tree, facts: Facts) -> Iterable[Hit]:
    found_by_others = {path for path, _what in JOURNALS.find(tree, facts)}
    for file in tree.files("var/log/*", "run/log/*", "var/lib/systemd/coredump/*", "var/crash/*"):
        if file.size and file.path not in found_by_others:
            yield file.path, "has content"


RULE = Rule(
    name="logs",
    severity=Severity.MINOR,
    why="logs tell who built the image, where and when, and hide what the device itself logs later",
    remedy="empty or remove it at the end of the layer that wrote it",
    find=_find,
)
