"""One password hash on several accounts."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

from builder.audit.accounts import accounts
from builder.audit.facts import Facts
from builder.audit.finding import Hit, Rule, Severity
from builder.audit.tree import Tree


def _find(tree: Tree, _facts: Facts) -> Iterable[Hit]:
    users: dict[str, dict[str, str]] = defaultdict(dict)
    for account in accounts(tree):
        if account.hashed:
            users[account.hashed].setdefault(account.name, account.path)
    for names in users.values():
        if len(names) > 1:
            yield next(iter(names.values())), f"{' and '.join(names)} have the same hash, so also the same password"


RULE = Rule(
    name="reused-hashes",
    severity=Severity.CRITICAL,
    why="who guesses one password has them all, and the hash was copied from somewhere",
    remedy="lock these accounts, and give each its own password on the device",
    find=_find,
)
