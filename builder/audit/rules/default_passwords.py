"""Passwords that everybody knows: those that images for schools and small boards come with, and the worst habits."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

from builder.audit.accounts import accounts
from builder.audit.facts import Facts
from builder.audit.finding import Hit, Rule, Severity
from builder.audit.hashes import can_try, fits
from builder.audit.kolibri_homes import kolibri_homes
from builder.audit.tree import Tree
from builder.kolibri.traces import administrators

_KNOWN: Final = (
    "raspberry",  # Raspberry Pi OS, Kiwix Hotspot
    "kolibrifly",  # kolibri-image-pi
    "changeme",  # Kolibri in Internet-in-a-Box
    "g0adm1n",  # iiab-admin
    "Rachel+1",  # RACHEL
    "Moodlebox4$",  # MoodleBox
    "admin", "password", "changeit", "secret", "toor", "ubuntu", "debian", "1234", "12345678", "letmein",
)  # fmt: skip


def _guessed(name: str, hashed: str) -> str | None:
    """The password, if it is one that everybody tries, the name of the account among them."""
    tried = dict.fromkeys((*_KNOWN, name, name.lower()))
    return next((password for password in tried if password and fits(password, hashed)), None)


def _hashes(tree: Tree, facts: Facts) -> Iterator[tuple[str, str, str]]:
    """Path, account and hash."""
    for account in accounts(tree):
        if account.hashed:
            yield account.path, account.name, account.hashed
    for home in kolibri_homes(tree, facts):
        for name, hashed in administrators(Path(tree.root, home)):
            yield f"{home}/db.sqlite3", f"Kolibri's administrator {name}", hashed


def _find(tree: Tree, facts: Facts) -> Iterable[Hit]:
    for path, account, hashed in _hashes(tree, facts):
        password = _guessed(account.rpartition(" ")[2], hashed)
        if password is not None:
            yield path, f'the password of {account} is "{password}"'
        elif not can_try(hashed):
            tree.not_read(path, "holds a password hash that could not be tried with well-known passwords here")


RULE = Rule(
    name="default-passwords",
    severity=Severity.CRITICAL,
    why="everybody who has read a manual can log in to every device",
    remedy="lock the account, and let first boot make a password for each device",
    find=_find,
)
