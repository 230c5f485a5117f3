"""The packages of a tree by dpkg's own account, and why each of them is there. Pure."""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from email.parser import HeaderParser
from typing import Final

STATUS: Final = "var/lib/dpkg/status"

_FIRST_WORD: Final = re.compile(r"\s*([a-z0-9][a-z0-9+.-]*)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Installed:
    """One package: its version, what it needs (each need as the names that satisfy it), and what it stands in for."""

    name: str
    version: str
    needs: tuple[tuple[str, ...], ...]
    provides: tuple[str, ...]


def installed_packages(status: str) -> dict[str, Installed]:
    """Every installed package by name, from the text of dpkg's status file."""
    found = {}
    for stanza in status.split("\n\n"):
        fields = HeaderParser().parsestr(stanza)
        if fields.get("Status", "").endswith(" installed"):
            needs = ",".join(fields[name] for name in ("Pre-Depends", "Depends") if fields[name])
            found[fields["Package"]] = Installed(
                name=fields["Package"],
                version=fields["Version"],
                needs=tuple(_names(need.split("|")) for need in needs.split(",") if need.strip()),
                provides=_names((fields["Provides"] or "").split(",")),
            )
    return found


def _names(texts: Iterable[str]) -> tuple[str, ...]:
    """`libc6 (>= 2.38), foo:any` without versions and architectures."""
    return tuple(match[1] for text in texts if (match := _FIRST_WORD.match(text)))


def chain_to(package: str, *, asked: Iterable[str], installed: Mapping[str, Installed]) -> tuple[str, ...]:
    """The shortest way from a package that was asked for to this one, both included; empty when there is none."""
    providers: dict[str, list[str]] = {}
    for name, facts in installed.items():
        for provided in (name, *facts.provides):
            providers.setdefault(provided, []).append(name)
    before: dict[str, str | None] = {name: None for name in asked if name in installed}
    waiting = deque(before)
    while waiting:
        name = waiting.popleft()
        if name == package:
            chain = [name]
            while (above := before[chain[-1]]) is not None:
                chain.append(above)
            return tuple(reversed(chain))
        for need in installed[name].needs:
            for choice in need:
                for provider in providers.get(choice, ()):
                    if provider not in before:
                        before[provider] = name
                        waiting.append(provider)
    return ()
