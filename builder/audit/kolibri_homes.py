"""Where Kolibri homes are in a tree: declared, or found by their files."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import PurePosixPath
from typing import Final

from builder.audit.facts import Facts
from builder.audit.tree import Tree

_COMPANIONS: Final = (".data_version", "plugins.json", "options.ini", "kolibri_settings.json", "server.pid")
"""Beside `db.sqlite3`, one of these makes a home: which of them depends on the version of Kolibri. The databases that
come with the software stand alone."""


def kolibri_homes(tree: Tree, facts: Facts) -> Iterator[str]:
    """The declared homes, and every directory with Kolibri's database or of its usual name."""
    declared = {home.strip("/") for home in facts.kolibri_homes}
    looking_alike = {
        home
        for file in tree.files("*db.sqlite3")
        if PurePosixPath(file.path).name == "db.sqlite3"
        and (
            (home := _parent(file.path)).endswith(".kolibri") or any(tree.get(_in(home, name)) for name in _COMPANIONS)
        )
    }
    return (home for home in sorted(declared | looking_alike) if home == "" or tree.has_directory(home))


def _parent(path: str) -> str:
    return path.rpartition("/")[0]


def _in(home: str, name: str) -> str:
    return f"{home}/{name}" if home else name
