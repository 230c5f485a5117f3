"""cloud-init: what it knows of the one instance that it prepared."""

from __future__ import annotations

from builder.audit.finding import Rule, Severity, non_empty_files

RULE = Rule(
    name="cloud-init",
    severity=Severity.SERIOUS,
    why="it holds the id and the user data of one machine, often with passwords, and says that all is done already",
    remedy="run `cloud-init clean --logs --seed` as the last step",
    find=non_empty_files(
        "var/lib/cloud/instance*", "var/lib/cloud/data/*", "var/lib/cloud/seed/*", "var/lib/cloud/sem/*",
        "run/cloud-init/*", what="is cloud-init's record of one instance",
    ),
)  # fmt: skip
