"""Who brought a path: the package that lists it, the overlay that has it, the application it belongs to."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Final

from builder.recipe.model import Recipe

LISTS: Final = "var/lib/dpkg/info"
"""Where dpkg keeps the list of every package's paths."""

_MERGED: Final = frozenset({"bin", "sbin", "lib", "lib64"})
_TEMPLATE: Final = ".j2"


@dataclass(frozen=True, slots=True, kw_only=True)
class Owners:
    """What is known of the paths of one device; all paths are absolute."""

    packages: Mapping[str, tuple[str, ...]]
    """The packages of each path; several share directories."""
    overlays: Mapping[str, str]
    applications: tuple[str, ...]
    """Virtual environments."""
    content: tuple[str, ...]
    """Directories that hold content and Kolibri's home."""

    def of(self, path: str) -> str | None:
        """Who brought a path, in words; what is laid over others comes first."""
        if path in self.overlays:
            return f"overlay {self.overlays[path]}"
        for venv in self.applications:
            if PurePosixPath(path).is_relative_to(venv):
                return f"application {venv}"
        for directory in self.content:
            if PurePosixPath(path).is_relative_to(directory):
                return f"content in {directory}"
        packages = self.packages.get(path, ())
        return f"package {packages[0]}" if len(packages) == 1 else None


def owners_of(recipe: Recipe, *, packages: Mapping[str, tuple[str, ...]], overlays: Path) -> Owners:
    """The owners on a device that was made from a recipe; `overlays` is the directory that holds its overlays."""
    kolibri = recipe.kolibri
    return Owners(
        packages=packages,
        overlays=overlay_paths((overlay.name for overlay in recipe.overlays), overlays),
        applications=tuple(application.venv for application in recipe.packages.pip),
        content=(
            *(() if kolibri is None else (kolibri.content, kolibri.home)),
            *(source.files.to for source in recipe.content if source.files),
        ),
    )


def overlay_paths(names: Iterable[str], overlays: Path) -> dict[str, str]:
    """The overlay of each path on the device; the last one wins."""
    found: dict[str, str] = {}
    for name in names:
        for source in (overlays / name).rglob("*"):
            if source.is_symlink() or not source.is_dir():
                found["/" + source.relative_to(overlays / name).as_posix().removesuffix(_TEMPLATE)] = name
    return found


def package_paths(names: Iterable[str], read: Callable[[str], bytes]) -> dict[str, tuple[str, ...]]:
    """The packages of each path on a device.

    Args:
        names: The names of all files in the directory LISTS.
        read: Reads one of them.
    """
    found: dict[str, tuple[str, ...]] = {}
    for name in sorted(names):
        if name.endswith(".list"):
            package = name.removesuffix(".list").partition(":")[0]
            for line in os.fsdecode(read(name)).splitlines():
                path = merged(line)
                if package not in found.get(path, ()):
                    found[path] = (*found.get(path, ()), package)
    return found


def merged(path: str) -> str:
    """A path of dpkg's lists as it really is: /bin, /sbin and /lib are below /usr, and `/.` is the top."""
    if path == "/.":
        return "/"
    first, slash, rest = path.lstrip("/").partition("/")
    return f"/usr/{first}{slash}{rest}" if first in _MERGED else path
