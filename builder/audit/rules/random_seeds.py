"""Seeds of random number generators."""

from __future__ import annotations

from builder.audit.finding import Rule, Severity, non_empty_files

RULE = Rule(
    name="random-seed",
    severity=Severity.CRITICAL,
    why="devices that start from one seed may make the same keys",
    remedy="remove it; systemd-random-seed makes one at each shutdown, `bootctl random-seed` one on the ESP",
    find=non_empty_files(
        "var/lib/systemd/random-seed",
        "var/lib/urandom/random-seed",
        "var/lib/random-seed",
        "loader/random-seed",
        "*/loader/random-seed",
        what="is a random seed",
    ),
)
