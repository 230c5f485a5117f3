"""Audit a finished image: the one call of `satchel audit IMAGE` and of the gate at the end of a build."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from builder.audit.device_tree import read_device_tree
from builder.audit.engine import audit_tree
from builder.audit.facts import Facts
from builder.audit.finding import Finding
from builder.audit.partition import ImagePartition
from builder.host.store import Store
from builder.host.tools import Tools
from builder.progress import Reporter


def audit_image(
    tools: Tools, image: Path, partitions: Iterable[ImagePartition], facts: Facts, reporter: Reporter
) -> tuple[Finding, ...]:
    """Everything in an image that must not be there. Must run inside the namespace.

    Needs room in the cache for what the image holds, besides `facts.bulk`; all of it is free again afterwards.

    Raises:
        ArtifactError: the image cannot be read.
        CommandFailed: there is no file system where a partition should have one.
    """
    with Store("audit").scratch("audit") as out:
        device = read_device_tree(tools, image, partitions, out=out, reporter=reporter, leave_out=facts.bulk)
        with reporter.step("audit"):
            findings = list(audit_tree(device.shown, facts))
            for label, tree in device.unseen:
                findings += audit_tree(tree, facts, within=label)
        return tuple(findings)
