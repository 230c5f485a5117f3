"""Logs, journals, login records and memory dumps of the build."""

from __future__ import annotations

from builder.audit.finding import Rule, non_empty_files

RULE = Rule(
    name="logs",
    why="logs tell who built the image, where and when, and hide what the device itself logs later",
    remedy="empty or remove it at the end of the layer that wrote it",
    find=non_empty_files(
        "var/log/*", "run/log/*", "var/lib/wtmpdb/*", "var/lib/lastlog/*", "var/lib/systemd/coredump/*",
        "var/crash/*", what="has content",
    ),
)  # fmt: skip
