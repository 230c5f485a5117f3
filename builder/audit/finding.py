"""The words of the audit: a rule, how bad it is, and what it found."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import StrEnum

from builder.audit.facts import Facts
from builder.audit.tree import Tree
from builder.recipe.waiver import AuditRule

Hit = tuple[str, str]
"""A path in the tree, without its first slash, and what is wrong with it."""


class Severity(StrEnum):
    """How bad it is that something is in an image, the worst first."""

    CRITICAL = "critical"
    """A secret or an identity that all devices would share."""
    SERIOUS = "serious"
    """It betrays people or the place of the build, or makes devices misbehave."""
    MINOR = "minor"
    """Untidy."""

    @property
    def rank(self) -> int:
        """0 for the worst."""
        return list(Severity).index(self)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One kind of thing that must not be in an image: why not, what to do about it, and how to find it."""

    name: AuditRule
    severity: Severity
    why: str
    remedy: str
    find: Callable[[Tree, Facts], Iterable[Hit]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing in an image that must not be there."""

    rule: AuditRule
    severity: Severity
    path: str
    """On the device; what no mount point shows begins with the place in brackets: `[root]/@old/etc/machine-id`."""
    what: str
    why: str
    remedy: str


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class NotLooked:
    """A place that the audit did not look into, and why not."""

    place: str
    why: str


def non_empty_files(*patterns: str, what: str) -> Callable[[Tree, Facts], Iterable[Hit]]:
    """A way to find that reports every file with content that matches one of the patterns (see `Tree.files`)."""

    def find(tree: Tree, _facts: Facts) -> Iterable[Hit]:
        return ((file.path, what) for file in tree.files(*patterns) if file.size > 0)

    return find
