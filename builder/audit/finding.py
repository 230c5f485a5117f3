"""The words of the audit: a rule, and what it found."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from builder.audit.facts import Facts
from builder.audit.tree import Tree

Hit = tuple[str, str]
"""A path in the tree, without its first slash, and what is wrong with it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One kind of thing that must not be in an image: why not, what to do about it, and how to find it."""

    name: str
    why: str
    remedy: str
    find: Callable[[Tree, Facts], Iterable[Hit]]


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Finding:
    """One thing in an image that must not be there."""

    rule: str
    path: str
    """On the device; what no mount point shows begins with the place in brackets: `[root]/@old/etc/machine-id`."""
    what: str
    why: str
    remedy: str


def non_empty_files(*patterns: str, what: str) -> Callable[[Tree, Facts], Iterable[Hit]]:
    """A way to find that reports every file with content that matches one of the patterns (see `Tree.files`)."""

    def find(tree: Tree, _facts: Facts) -> Iterable[Hit]:
        return ((file.path, what) for file in tree.files(*patterns) if file.size > 0)

    return find
