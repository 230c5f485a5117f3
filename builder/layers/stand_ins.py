"""Which programs of the workshop stand in for those of a tree for another processor.

Whatever the workshop has in the same version stands in for the emulated program where both do the same for the same
input: shells, Perl, coreutils, compressors, systemd's helpers. What asks for the processor (dpkg, uname) stays
emulated.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from builder.host.tools import Tools
from builder.lock.model import Deb

_PACKAGES: Final = (
    *("bash", "coreutils", "cpio", "dash", "debianutils", "diffutils", "dracut-install", "findutils", "grep", "gzip"),
    *("kmod", "mawk", "perl-base", "python3.13-minimal", "sed", "systemd", "tar", "udev", "xz-utils", "zstd"),
)
"""Packages whose programs stand in for those of the tree."""

_THEMSELVES: Final = frozenset({"arch", "nproc", "uname"})
"""Programs of theirs that tell of the machine."""

_PROGRAMS: Final = re.compile(r"/usr/(?:bin|sbin|lib/systemd|lib/dracut)/[^/]+")

PYTHON: Final = "/usr/bin/python3.13"

_OURS: Final = 62
"""x86-64, in the header of ELF files (its psABI)."""

_BINARY_REBUILD: Final = re.compile(r"\+b\d+$")


@dataclass(frozen=True, slots=True, kw_only=True)
class StandIns:
    """The workshop, and which of its programs stand in."""

    tools: Tools
    programs: tuple[str, ...]
    """By their paths, which are the same in both."""

    @classmethod
    def of(cls, tools: Tools, *, workshop: Iterable[Deb], tree: Iterable[Deb]) -> StandIns:
        """Those among packages that workshop and tree have in the same version."""
        ours, theirs = _versions(workshop), _versions(tree)
        names = {name for name in _PACKAGES if name in ours and ours[name] == theirs.get(name)}
        if "perl" in theirs:
            # Then more of Perl is compiled for the tree than the workshop has a counterpart of.
            names -= {"perl-base"}
        programs = (path for name in names for path in _programs_of(tools.tree, name))
        return cls(tools=tools, programs=tuple(sorted(programs)))

    @property
    def python(self) -> bool:
        """Whether Python stands in, where it is asked for."""
        return PYTHON in self.programs


def stand_ins_below(directory: Path) -> tuple[str, ...]:
    """Files below a directory that run on the machine that builds, and so on no device for another processor."""
    return tuple(
        str(path.relative_to(directory))
        for path in sorted(directory.rglob("*"))
        if not path.is_symlink() and path.is_file() and _machine_of(path) == _OURS
    )


def _versions(debs: Iterable[Deb]) -> dict[str, str]:
    """Versions of the sources: each processor counts its own rebuilds."""
    return {deb.name: _BINARY_REBUILD.sub("", deb.version) for deb in debs}


def _programs_of(workshop: Path, package: str) -> Iterator[str]:
    for path in (workshop / f"var/lib/dpkg/info/{package}.list").read_text().splitlines():
        place = workshop / path.lstrip("/")
        if _PROGRAMS.fullmatch(path) and place.name not in _THEMSELVES and _is_binary(place):
            yield path


def _is_binary(path: Path) -> bool:
    return not path.is_symlink() and path.is_file() and _machine_of(path) is not None


def _machine_of(path: Path) -> int | None:
    """The processor that an ELF file is for, by its header; none for other files."""
    with path.open("rb") as file:
        header = file.read(20)
    return int.from_bytes(header[18:20], "little") if header.startswith(b"\x7fELF") else None
