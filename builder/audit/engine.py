"""Apply every rule to a tree, and tell what was found: to people, to programs, or as a failure."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from itertools import groupby
from pathlib import Path

from builder.audit.facts import Facts
from builder.audit.finding import Finding
from builder.audit.rules import RULES
from builder.audit.tree import Tree
from builder.errors import AuditFailed

_ROOT_MARKS = ("etc/machine-id", "etc/os-release", "etc/passwd", "etc/shadow")
"""Files that only a root directory has: a directory with one is a snapshot, a chroot or an unpacked container."""


def audit_tree(tree: Path, facts: Facts, *, within: str = "") -> tuple[Finding, ...]:
    """Everything in a tree that must not be in an image, in the order of the rules.

    Root directories inside the tree, such as snapshots, are audited each as a tree of its own.

    Args:
        tree: The root directory of the device, or a part of it at the place that it has there.
        facts: What is known about the image.
        within: What to write before each path, for trees that are not mounted on the device.
    """
    bulk = tuple(path.strip("/") for path in facts.bulk)
    inner = tuple(_roots_inside(Tree(tree, leave_out=bulk)))
    looked_at = Tree(tree, leave_out=(*bulk, *inner))
    findings = [
        Finding(rule=rule.name, path=f"{within}/{path}", what=what, why=rule.why, remedy=rule.remedy)
        for rule in RULES
        for path, what in rule.find(looked_at, facts)
    ]
    for path in inner:
        findings += audit_tree(tree / path, facts, within=f"{within}/{path}")
    return tuple(findings)


def _roots_inside(tree: Tree) -> Iterator[str]:
    """The outermost root directories in a tree, besides itself."""
    found: list[str] = []
    marked = (file.path.removesuffix(mark).rstrip("/") for mark in _ROOT_MARKS for file in tree.files(f"*/{mark}"))
    for path in sorted(set(marked)):
        if not any(path.startswith(f"{outer}/") for outer in found):
            found.append(path)
            yield path


def render_text(findings: Sequence[Finding]) -> str:
    """The findings for people: rule by rule, with the reason once, every place, and the remedy."""
    lines: list[str] = []
    for rule, group in groupby(sorted(findings), key=lambda finding: finding.rule):
        found = tuple(group)
        lines.append(f"{rule}: {found[0].why}")
        lines += [f"  {finding.path}: {finding.what}" for finding in found]
        lines.append(f"  remedy: {found[0].remedy}")
    return "\n".join(lines)


def render_json(findings: Sequence[Finding]) -> str:
    """The findings for programs: a JSON list of objects with `rule`, `path`, `what`, `why` and `remedy`."""
    return json.dumps([asdict(finding) for finding in findings], indent=2, ensure_ascii=False)


def check_findings(findings: Sequence[Finding]) -> None:
    """Let only an image without findings pass.

    Raises:
        AuditFailed: there are findings; all of them and their remedies are in the details.
    """
    if findings:
        count = "1 thing" if len(findings) == 1 else f"{len(findings)} things"
        raise AuditFailed(
            f"the image holds {count} that would be the same on every device, or betray who built it",
            details=render_text(findings),
            hint="an image must not be given away like this; each remedy says what to change before building it again",
        )
