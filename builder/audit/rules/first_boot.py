"""Traces of a first boot that already happened: a device made from such an image would believe itself finished."""

from __future__ import annotations

from builder.audit.finding import Rule, Severity, non_empty_files

RULE = Rule(
    name="first-boot-state",
    severity=Severity.CRITICAL,
    why="the device would skip its first boot and live with the identity of another one",
    remedy="build the image again instead of copying a card that has been started",
    find=non_empty_files(
        "var/lib/satchel/*",
        "satchel-report.*",
        "*/satchel-report.*",
        what="was written by a first boot",
    ),
)
