"""Texts that somebody knows must not be there, searched for in the bytes of every file."""

from __future__ import annotations

from collections.abc import Iterable

from builder.audit.facts import Facts
from builder.audit.finding import Hit, Rule, Severity
from builder.audit.secrets import Needles
from builder.audit.tree import Tree


def _find(tree: Tree, facts: Facts) -> Iterable[Hit]:
    if not facts.secrets:
        return
    needles = Needles(facts.secrets)
    for file in tree.everything():
        try:
            found = needles.found_in(tree.root / file.path, file.path)
        except OSError as error:
            tree.not_read(file.path, error)
            continue
        yield from ((file.path, f"holds {what}") for what in found.words)
        if found.gave_up:
            tree.not_read(file.path, found.gave_up)


RULE = Rule(
    name="planted-secrets",
    severity=Severity.CRITICAL,
    why="somebody asked for this text not to be in the image",
    remedy="find the step that wrote it; secrets belong to a device or a site, never to an image",
    find=_find,
)
