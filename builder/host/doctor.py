"""What this machine must offer, why, and what to change where it does not.

Features are probed, not names or versions: a program is started, a namespace is entered, an overlay is mounted. Each
probe returns what it found and raises `HostError` with the remedy where the machine falls short.
"""

from __future__ import annotations

import os
import platform
import shutil
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from builder.errors import CommandFailed, HostError, MissingTool, SatchelError
from builder.host.command import run
from builder.host.emulation import possible
from builder.host.namespace import overlay_mounted
from builder.host.places import cache_directory
from builder.host.store import Store
from builder.host.tools import find_lab
from builder.units import GIB, format_size

NEEDED_SPACE = 12 * GIB
"""Bytes for the trees of tools, the layers, an image and its compressed copy, with room to spare."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Requirement:
    """Something that a build needs of the machine."""

    name: str
    why: str
    probe: Callable[[], str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """What a probe found; `remedy` says what to change where the machine falls short."""

    name: str
    why: str
    ok: bool
    found: str
    remedy: str = ""

    def __str__(self) -> str:
        line = f"{'ok' if self.ok else 'MISSING':>7}  {self.name} ({self.why}): {self.found}"
        return line if self.ok else f"{line}\n         hint: {self.remedy}"


def _python() -> str:
    return platform.python_version()


def _program(name: str, package: str) -> Callable[[], str]:
    def probe() -> str:
        path = shutil.which(name)
        if path is None:
            raise MissingTool(name, why="to build", package=package)
        try:
            return run((path, "--version"), why=f"ask {name} for its version").splitlines()[0]
        except CommandFailed as error:
            # newuidmap knows no --version; that it starts is what counts.
            if error.status == 1:
                return path
            raise

    return probe


def _namespace() -> str:
    enter = "from builder.host.namespace import enter; enter()"
    run((sys.executable, "-c", enter), why="enter a namespace", env=dict(os.environ))
    return "can be root of a namespace with 65,536 ids"


def _space() -> str:
    cache = cache_directory()
    cache.mkdir(parents=True, exist_ok=True)
    free = shutil.disk_usage(cache).free
    if free < NEEDED_SPACE:
        raise HostError(
            f"{format_size(free)} free in {cache}",
            hint=f"make {format_size(NEEDED_SPACE)} free, or set SATCHEL_CACHE to another disk",
        )
    return f"{format_size(free)} free in {cache}"


def _overlay() -> str:
    with Store("layers").scratch("doctor") as directory:
        lower = directory / "lower"
        lower.mkdir()
        (lower / "file").touch()
        names = {name: directory / name for name in ("upper", "work", "target")}
        with overlay_mounted((lower,), **names) as merged:
            (merged / "file").unlink()
        shutil.rmtree(directory / "work")
    return f"layers can be stacked in {cache_directory()}"


def _lab() -> str:
    lab = find_lab()
    return f"made, {lab.identity[:12]}" if lab else "not made yet; the first boot, test or audit makes it"


def _other_processors() -> str:
    return possible("arm64")


OUTSIDE: tuple[Requirement, ...] = (
    Requirement(name="Python", why="to run Satchel", probe=_python),
    Requirement(name="mmdebstrap", why="to make trees of tools", probe=_program("mmdebstrap", "mmdebstrap")),
    Requirement(name="bubblewrap", why="to run programs inside a tree", probe=_program("bwrap", "bubblewrap")),
    Requirement(name="newuidmap", why="to give an ordinary user a range of ids", probe=_program("newuidmap", "uidmap")),
    Requirement(name="disk space", why="for layers and images", probe=_space),
    Requirement(name="namespace", why="so that no root is needed and nothing is left behind", probe=_namespace),
)
"""Probed as the user who calls."""

INSIDE: tuple[Requirement, ...] = (
    Requirement(name="overlay", why="so that layers are stacked and never copied", probe=_overlay),
    Requirement(name="other processors", why="to build for arm64, and for nothing else", probe=_other_processors),
    Requirement(name="lab", why="to boot finished images and to look into them", probe=_lab),
)
"""Probed as root of the namespace."""


def examine(requirements: tuple[Requirement, ...]) -> Iterator[Finding]:
    """Probe each requirement."""
    for requirement in requirements:
        name, why = requirement.name, requirement.why
        try:
            yield Finding(name=name, why=why, ok=True, found=requirement.probe())
        except SatchelError as error:
            yield Finding(
                name=name, why=why, ok=False, found=error.message, remedy=error.hint or "see the message above"
            )
