"""What a layer gets to work with, and what every kind of layer is."""

from __future__ import annotations

import hashlib
import inspect
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from types import ModuleType
from typing import Final, Protocol

from builder.host.pool import Pool
from builder.host.sandbox import Mount, Sandbox
from builder.host.tools import Tools
from builder.layers.foreign import Foreign
from builder.lock.model import Deb
from builder.progress import Reporter
from builder.together import Job

UNASKED: Final = {"DEBIAN_FRONTEND": "noninteractive", "DEBCONF_NONINTERACTIVE_SEEN": "true"}
"""Keeps packages from asking questions while they are installed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """The building site: the tree as the layers below left it, writable, and the means to change it."""

    tree: Path
    tools: Tools
    scratch: Path
    """Room for what is needed only while a layer is made."""
    pool: Pool
    """What the lock names."""
    epoch: int
    """Seconds since 1970: the date of everything that has no date of its own."""
    reporter: Reporter
    foreign: Foreign | None = None
    """Given for a tree whose programs must be emulated."""

    def inside(self, *mounts: Mount, python: bool = False, copied: bool = False) -> Sandbox:
        """A sandbox whose root directory is the tree itself.

        Args:
            mounts: What else it sees.
            python: Whether Python need not be emulated, because it imports nothing that is compiled for the tree.
            copied: Whether programs are copied out of the tree meanwhile by cp: then the tree's own must be found.
        """
        environment = self.environment
        if self.foreign:
            mounts = (*self.foreign.mounts(python=python, copied=copied), *mounts)
            environment = {**environment, **self.foreign.environment(copied=copied)}
        return Sandbox(root=self.tree, writable=True, mounts=mounts, environment=environment)

    def workshop(self, *mounts: Mount) -> Sandbox:
        """A sandbox in the workshop, which is told the same date."""
        return replace(self.tools.sandbox(*mounts), environment=self.environment)

    @property
    def environment(self) -> Mapping[str, str]:
        """What every program is told besides (reproducible-builds.org/specs/source-date-epoch)."""
        return {"SOURCE_DATE_EPOCH": str(self.epoch)}


class Layer(Protocol):
    """One step in the growth of the tree."""

    @property
    def name(self) -> str:
        """What it is called in plans, in progress and in the store."""

    def parts(self) -> Mapping[str, str]:
        """Everything that can change its result, besides the layers below: named values or digests."""

    @property
    def apart(self) -> bool:
        """Whether it neither sees nor changes what lies below.

        Then its key is its own, and its tree a plain directory whose files may be further names of a pool's.
        """
        return False

    @property
    def alone_at(self) -> str | None:
        """The mount point whose partition its tree alone becomes; such a layer is no part of the system's tree."""
        return None

    def beforehand(self, *, tools: Tools, pool: Pool, reporter: Reporter) -> Mapping[str, Job[object]]:
        """What can be made beside the layers below, because it does not need them; `build` finds it in the cache."""
        return {}

    def build(self, site: Site) -> None:
        """Change the tree."""


def digest(data: bytes | str) -> str:
    """The SHA-256 of some bytes or of a text, in hexadecimal."""
    return hashlib.sha256(data.encode() if isinstance(data, str) else data).hexdigest()


def code_digest(*modules: ModuleType | type) -> str:
    """The digest of the source of the modules (or of the modules of classes) that make a layer."""
    found = (thing if isinstance(thing, ModuleType) else sys.modules[thing.__module__] for thing in modules)
    return digest("\0".join(map(inspect.getsource, found)))


def deb_parts(debs: Iterable[Deb]) -> dict[str, str]:
    """Key parts of a layer that installs packages: a difference of two of them names what was upgraded."""
    return {f"deb {deb.name}": f"{deb.version} {deb.sha256[:16]}" for deb in debs}


def tree_digest(directory: Path) -> str:
    """The digest of all files of a directory of the project: their names and bytes."""
    files = (path for path in sorted(directory.rglob("*")) if path.is_file() and "__pycache__" not in path.parts)
    return digest("\0".join(f"{path.relative_to(directory)} {digest(path.read_bytes())}" for path in files))
