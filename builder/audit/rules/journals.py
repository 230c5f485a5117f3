"""The journal and the records of logins: proof that a system has been running, and who used it."""

from __future__ import annotations

from builder.audit.finding import Rule, Severity, non_empty_files

RULE = Rule(
    name="journals",
    severity=Severity.SERIOUS,
    why="the image was running before: it tells where, when and for whom, and other identities are likely in it too",
    remedy="do not copy a card that has been started; else remove /var/log/journal/* and empty wtmp, btmp and lastlog",
    find=non_empty_files(
        "var/log/journal/*", "run/log/journal/*", "*/system*.journal", "*/user-*.journal",
        "var/log/wtmp*", "var/log/btmp*", "var/log/lastlog", "var/lib/wtmpdb/*", "var/lib/lastlog/*",
        what="has content",
    ),
)  # fmt: skip
