"""Accounts that anybody may use."""

from __future__ import annotations

from collections.abc import Iterable

from builder.audit.accounts import accounts
from builder.audit.facts import Facts
from builder.audit.finding import Hit, Rule, Severity
from builder.audit.tree import Tree


def _find(tree: Tree, _facts: Facts) -> Iterable[Hit]:
    for account in accounts(tree):
        if not account.password:
            yield account.path, f"lets {account.name} in without a password"


RULE = Rule(
    name="empty-passwords",
    severity=Severity.CRITICAL,
    why="whoever reaches a device is let in without being asked",
    remedy="lock it with `*` (usermod --password '*' NAME)",
    find=_find,
)
