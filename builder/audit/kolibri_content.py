"""Recognise Kolibri's content: files named by their MD5, by the hundred gigabytes, and nobody's identity. Pure.

Content lies in `storage/` beside `databases/`, below directories named by one hexadecimal digit each.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable
from pathlib import PurePosixPath
from typing import Final

STORAGE: Final = "storage"
DATABASES: Final = "databases"
WHY: Final = "content: published files, known by their checksums"

_DIGITS: Final = frozenset("0123456789abcdef")


def is_storage(inside: Collection[str]) -> bool:
    """Whether a directory `storage` beside one called `databases` is Kolibri's, by the names of what it holds."""
    return bool(inside) and _DIGITS.issuperset(inside)


def storages(directories: Iterable[str]) -> tuple[str, ...]:
    """Those of all directories of a file system that hold Kolibri's content."""
    inside = defaultdict(set)
    for directory in map(PurePosixPath, directories):
        inside[str(directory.parent)].add(directory.name)
    return tuple(
        sorted(
            path
            for parent, names in inside.items()
            if {STORAGE, DATABASES} <= names and is_storage(inside.get(path := str(PurePosixPath(parent, STORAGE)), ()))
        )
    )
