"""Private keys of any kind, found by their content, and the places where TLS keys live."""

from __future__ import annotations

import re
from collections.abc import Iterable

from builder.audit.facts import Facts
from builder.audit.finding import Hit, Rule, Severity
from builder.audit.tree import Tree

_KEY = re.compile(
    rb"-----BEGIN (?:[A-Z0-9]+ )*PRIVATE KEY(?: BLOCK)?-----(?:\\n|\s)+(?:[A-Za-z-]+: [^\n]*\s+)*[A-Za-z0-9+/=]{40}"
    rb"|PuTTY-User-Key-File-[23]: |AGE-SECRET-KEY-1[A-Z0-9]{50}"
)
"""A whole key: libraries that only mention the header line, such as `cryptography` and `rsa`, do not match."""

_MARKS = (b"PRIVATE KEY", b"PuTTY-User-Key-File-", b"AGE-SECRET-KEY-1")
"""Every match has one of them."""

_PUBLISHED = re.compile(r"/(?:site|dist)-packages/(?:.*/)?tests?/")
"""Keys in the test suites of Python packages: everybody can download them, so nobody relies on them."""

_FOUND_BY_OTHERS = re.compile(r"etc/ssh/ssh_host_|etc/dropbear/")

_LARGEST = 4 * 1024 * 1024
"""Key files are small; databases, which may hold keys among other things, are searched whatever their size."""


def _find(tree: Tree, _facts: Facts) -> Iterable[Hit]:
    for file in tree.outside_usr():
        small = file.size <= _LARGEST or file.path.endswith((".sqlite3", ".db"))
        if not small or _PUBLISHED.search(file.path) or _FOUND_BY_OTHERS.match(file.path):
            continue
        if tree.search(file, _KEY, any_of=_MARKS):
            yield file.path, "holds a private key"
        elif file.path.startswith("etc/ssl/private/") and file.size:
            yield file.path, "stands where TLS keys are kept"


RULE = Rule(
    name="private-keys",
    severity=Severity.CRITICAL,
    why="a private key that every device has, and that anybody can read from the image, protects nothing",
    remedy="remove it from the image (for ssl-cert: /etc/ssl/private/ssl-cert-snakeoil.key); make it on the device",
    find=_find,
)
