"""Passwords of accounts: no account has one in an image, not even a hashed or a locked one."""

from __future__ import annotations

from collections.abc import Iterable

from builder.audit.facts import Facts
from builder.audit.finding import Hit, Rule
from builder.audit.tree import Tree

_TABLES = ("etc/shadow", "etc/shadow-", "etc/gshadow", "etc/gshadow-", "etc/passwd", "etc/passwd-")


def _find(tree: Tree, _facts: Facts) -> Iterable[Hit]:
    for table in _TABLES:
        for line in tree.text(table).splitlines():
            name, _, rest = line.partition(":")
            password = rest.partition(":")[0]
            if not rest or password in {"x", "*"} or (password and not password.strip("!*")):
                continue
            if password:
                yield table, f"holds the password of {name} (hashed or locked, it can still be guessed)"
            elif "gshadow" not in table:
                yield table, f"lets {name} in without a password"


RULE = Rule(
    name="passwords",
    why="one password would open every device; a hash in an image can be attacked by anybody who has a card",
    remedy="lock it with `*` (usermod --password '*' NAME); console_password gives each device its own",
    find=_find,
)
