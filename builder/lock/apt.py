"""Debian packages: from names to files.

The host's apt resolves a whole system from nothing, as if it were installed in one transaction; nothing is downloaded.
Versions that are locked already are preferred, so that a lock changes only where somebody wants it to.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Final
from urllib.parse import unquote

from builder.errors import CommandFailed, SatchelError
from builder.lock.archive import Archive, downloadable
from builder.lock.model import Deb
from builder.progress import Reporter
from builder.recipe.problems import nearest

MINIMAL: Final = ("?essential", "?priority(required)", "apt")
"""A minimal Debian, as `mmdebstrap --variant=minbase` has it."""

FOR_TOOLS: Final = ("?essential", "apt")
"""What the workshop stands on, as `mmdebstrap --variant=apt` has it."""

_LINE: Final = re.compile(
    r"'(?P<address>\S+)' (?P<name>[^_\s]+)_(?P<version>[^_\s]+)_(?P<architecture>[^_\s]+)\.deb "
    r"(?P<size>\d+) SHA256:(?P<sha256>[0-9a-f]{64})"
)

_ABSENT: Final = re.compile(
    r"E: (?:Unable to locate package (?P<unknown>\S+)|Package '(?P<gone>[^']+)' has no installation candidate)"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Upgrade:
    """Which packages may get another version although they are locked."""

    names: frozenset[str] = frozenset()
    everything: bool = False

    def concerns(self, debs: Iterable[Deb]) -> bool:
        """Whether any of them may change."""
        return self.everything or any(deb.name in self.names for deb in debs)

    def kept(self, debs: Sequence[Deb]) -> tuple[Deb, ...]:
        """Those that must not change. Packages of one source belong together and are upgraded together."""
        if self.everything:
            return ()
        # The directory of the archive is named after the source.
        sources = {PurePosixPath(deb.file).parent for deb in debs if deb.name in self.names}
        return tuple(deb for deb in debs if PurePosixPath(deb.file).parent not in sources)


class UnknownPackages(SatchelError):
    """Names that the archive does not have, each with the name that was probably meant."""

    def __init__(self, names: dict[str, str | None]) -> None:
        self.names = names
        super().__init__(f"Debian has no package {', '.join(names)}")


def resolve_debs(
    archive: Archive, names: Sequence[str], *, locked: Sequence[Deb], reporter: Reporter
) -> tuple[Deb, ...]:
    """Everything that must be installed to have `names`, by name; `archive` must have read its lists.

    Raises:
        UnknownPackages: some of the names do not exist.
        CommandFailed: they cannot be installed together.
    """
    if locked:
        archive.preferences("".join(map(_preference, locked)))
        try:
            return _resolve(archive, names)
        except CommandFailed as error:
            reporter.note(f"the locked versions no longer go together, so all are chosen anew ({_reason(error)})")
    archive.preferences("")
    return _resolve(archive, names)


def _preference(deb: Deb) -> str:
    return f"Package: {deb.name}\nPin: version {deb.version}\nPin-Priority: 1001\n\n"


def _reason(error: CommandFailed) -> str:
    complaints = [line for line in error.tail.splitlines() if "Depends:" in line or "Conflicts:" in line]
    return complaints[0].strip() if complaints else error.tail.splitlines()[-1].removeprefix("E: ")


def _resolve(archive: Archive, names: Sequence[str]) -> tuple[Deb, ...]:
    options = ("--yes", "--quiet", "--no-install-recommends", "--print-uris", "-o", "Acquire::ForceHash=SHA256")
    absent: list[str] = []

    def heard(line: str) -> None:
        if found := _ABSENT.match(line):
            absent.append(found["unknown"] or found["gone"])

    try:
        listing = archive.run(("apt-get", *options, "install", *names), why="resolve the packages", on_line=heard)
    except CommandFailed:
        if absent:
            raise UnknownPackages(_with_nearest(archive, absent)) from None
        raise
    return tuple(sorted(_read(listing, archive.sites), key=lambda deb: (deb.name, deb.architecture)))


def _read(listing: str, sites: Sequence[str]) -> Iterable[Deb]:
    for found in _LINE.finditer(listing):
        address = downloadable(found["address"])
        site = max((site for site in sites if address.startswith(f"{site}/")), key=len)
        yield Deb(
            name=unquote(found["name"]),
            version=unquote(found["version"]),
            architecture=found["architecture"],
            size_bytes=int(found["size"]),
            sha256=found["sha256"],
            file=unquote(address[len(site) + 1 :]),
        )


def _with_nearest(archive: Archive, absent: Sequence[str]) -> dict[str, str | None]:
    there = archive.run(("apt-cache", "pkgnames"), why="list all packages").split()
    return {name: nearest(name, [each for each in there if each[0] == name[0]]) for name in absent}
