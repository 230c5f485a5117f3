"""Apply every rule to a tree, and to the root directories inside it."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from builder.audit import kolibri_content
from builder.audit.facts import Facts
from builder.audit.finding import Finding, NotLooked
from builder.audit.rules import RULES
from builder.audit.tree import Tree

_ROOT_MARKS = ("etc/machine-id", "etc/os-release", "etc/passwd", "etc/shadow")
"""Files that only a root directory has: a directory with one is a snapshot, a chroot or an unpacked container."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """What came of looking at one or more trees."""

    findings: tuple[Finding, ...] = ()
    not_looked: tuple[NotLooked, ...] = ()
    files: int = 0
    """How many were there to look at."""

    def __add__(self, other: Seen) -> Seen:
        return Seen(
            findings=self.findings + other.findings,
            not_looked=tuple(sorted({*self.not_looked, *other.not_looked})),
            files=self.files + other.files,
        )


def audit_tree(tree: Path, facts: Facts, *, within: str = "", only: Collection[str] = ()) -> Seen:
    """Everything in a tree that must not be in an image, in the order of the rules.

    Root directories inside the tree, such as snapshots, are audited each as a tree of its own.

    Args:
        tree: The root directory of the device, or a part of it at the place that it has there.
        facts: What is known about the image.
        within: What to write before each path, for trees that are not mounted on the device.
        only: Names of the rules to apply; all when empty.
    """
    bulk = tuple(path.strip("/") for path in facts.bulk)
    if within:
        # No board reads what is not the device's own root directory.
        facts = replace(facts, board_firmware=None)
    whole = Tree(tree, leave_out=bulk, small_only=tuple(path.strip("/") for path in facts.files))
    inner = tuple(_roots_inside(whole))
    looked_at = whole.without(inner)
    findings = tuple(
        Finding(
            rule=rule.name,
            severity=rule.severity,
            path=_printable(f"{within}/{path}"),
            what=_printable(what),
            why=rule.why,
            remedy=rule.remedy,
        )
        for rule in RULES
        if not only or rule.name in only
        for path, what in rule.find(looked_at, facts)
    )
    unread = (*looked_at.unread, *((path, kolibri_content.WHY) for path in bulk if whole.has_directory(path)))
    not_looked = tuple(NotLooked(place=_printable(f"{within}/{path}"), why=why) for path, why in unread)
    seen = Seen(findings=findings, not_looked=tuple(sorted(not_looked)), files=len(looked_at))
    for path in inner:
        seen += audit_tree(tree / path, facts, within=f"{within}/{path}", only=only)
    return seen


def _printable(text: str) -> str:
    """Names of files are any bytes; what is told about them is text."""
    return os.fsencode(text).decode(errors="replace")


def _roots_inside(tree: Tree) -> Iterator[str]:
    """The outermost root directories in a tree, besides itself."""
    found: list[str] = []
    marked = (file.path.removesuffix(mark).rstrip("/") for mark in _ROOT_MARKS for file in tree.files(f"*/{mark}"))
    for path in sorted(set(marked)):
        if not any(path.startswith(f"{outer}/") for outer in found):
            found.append(path)
            yield path
