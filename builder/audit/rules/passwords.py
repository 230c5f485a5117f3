"""Passwords of accounts: no account has one in an image, not even a hashed or a locked one."""

from __future__ import annotations

import re
from collections.abc import Iterable

from builder.audit.accounts import BOOT_FILES, accounts
from builder.audit.facts import Facts
from builder.audit.finding import Hit, Rule, Severity
from builder.audit.tree import Tree

_TOLD = re.compile(rb"^\s*(?:-\s*)?(?:plain_text_passwd|password)\s*:\s*[^\s$]", re.MULTILINE)
"""A password in clear, as cloud-init takes it."""

_ANSWER = re.compile(rb"^Value: *\S", re.MULTILINE)


def _find(tree: Tree, _facts: Facts) -> Iterable[Hit]:
    for account in accounts(tree):
        if account.password:
            yield account.path, f"holds the password of {account.name} (hashed or locked, it can still be guessed)"
    for file in tree.files(*BOOT_FILES):
        if tree.search(file, _TOLD):
            yield file.path, "tells a password"
    for file in tree.files("var/cache/debconf/passwords.dat*"):
        if tree.search(file, _ANSWER):
            yield file.path, "holds a password that was given to the installer"


RULE = Rule(
    name="passwords",
    severity=Severity.CRITICAL,
    why="one password would open every device; a hash in an image can be attacked by anybody who has a card",
    remedy="lock it with `*` (usermod --password '*' NAME); with Satchel, console_password gives each device its own",
    find=_find,
)
