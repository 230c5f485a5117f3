"""Environment files, as systemd reads them (systemd.exec(5)), in the simple form that we write: NAME=VALUE lines."""

from __future__ import annotations


def parse(text: str) -> dict[str, str]:
    """The variables in a text; empty lines and comments are left out."""
    lines = (line.strip() for line in text.splitlines())
    pairs = (line.partition("=") for line in lines if line and not line.startswith(("#", ";")))
    return {name: value for name, _, value in pairs}
