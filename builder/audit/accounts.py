"""Accounts with a password that stands in a tree: in its own tables, and in what configures a first boot."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from builder.audit.hashes import CRYPTED
from builder.audit.tree import Tree

_TABLES: Final = ("etc/shadow", "etc/shadow-", "etc/gshadow", "etc/gshadow-", "etc/passwd", "etc/passwd-")

_ON_FAT: Final = ("userconf", "userconf.txt", "custom.toml", "firstrun.sh", "user-data")
"""What Raspberry Pi OS and cloud-init read from the first partition."""

BOOT_FILES: Final = tuple(pattern for name in _ON_FAT for pattern in (name, f"boot/{name}", f"boot/*/{name}"))

_NAMED: Final = re.compile(r"^\s*([a-z_][a-z0-9_-]*):\s*$")


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """An account's line; `password` as it stands there: a hash, perhaps locked by `!`, or empty."""

    path: str
    name: str
    password: str

    @property
    def hashed(self) -> str:
        """The hash without what locks it."""
        return self.password.lstrip("!*")


def accounts(tree: Tree) -> Iterator[Account]:
    """All accounts whose password is a hash or empty."""
    for path in _TABLES:
        for line in tree.text(path).splitlines():
            name, _, rest = line.partition(":")
            password = rest.partition(":")[0]
            if not rest or password in {"x", "*"} or (password and not password.strip("!*")):
                continue
            if password or "gshadow" not in path:
                yield Account(path=path, name=name, password=password)
    for file in tree.files(*BOOT_FILES):
        for line in tree.text(file.path).splitlines():
            for found in CRYPTED.finditer(line):
                before = _NAMED.match(line[: found.start()])
                yield Account(path=file.path, name=before[1] if before else "an account", password=found[0])
