"""The bottom of every tree: a minimal Debian."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from builder.host import repository
from builder.host.repository import make_repository, source_line
from builder.host.sandbox import Mount
from builder.host.tools import SLIMMING
from builder.layers.site import Layer, Site, code_digest, deb_parts
from builder.lock.model import Deb
from builder.recipe.software import Base

_TREE: Final = "/job/tree"
_DEBS: Final = "/job/debs"

_KEEP_SOURCES: Final = f"""set -eu
cd "$1/etc/apt"
mv sources.list sources.list.kept
echo '{source_line(_DEBS)}' > sources.list
"""
_RESTORE_SOURCES: Final = 'mv "$1/etc/apt/sources.list.kept" "$1/etc/apt/sources.list"'


@dataclass(frozen=True, slots=True, kw_only=True)
class BaseLayer(Layer):
    """A minimal Debian by the workshop's mmdebstrap."""

    base: Base
    debs: tuple[Deb, ...]
    epoch: int
    name: str = "base"

    def parts(self) -> Mapping[str, str]:
        """The recipe's base, its packages, what is left out of them, and the date that everything above bears."""
        return {
            **deb_parts(self.debs),
            "base": self.base.model_dump_json(),
            "slimming": " ".join(SLIMMING),
            "date": str(self.epoch),
            "code": code_digest(BaseLayer, repository),
        }

    def build(self, site: Site) -> None:
        """Fill the empty tree with exactly the locked packages.

        The device's own list of sources is mmdebstrap's default for the suite, or the mirror that the recipe names; it
        is put aside while packages come from the pool.
        """
        debs = site.scratch / "debs"
        debs.mkdir()
        make_repository(self.debs, site.pool, debs)
        base = self.base
        command = (
            "mmdebstrap",
            "--mode=unshare",
            # Nothing is chosen by priority: archives override priorities, and a lock has chosen already.
            "--variant=custom",
            f"--include={','.join(deb.name for deb in self.debs)}",
            "--format=directory",
            f"--components={','.join(base.components)}",
            f"--architectures={base.architecture}",
            *SLIMMING,
            "--skip=check/signed-by",
            f"--setup-hook={_KEEP_SOURCES}",
            f"--customize-hook={_RESTORE_SOURCES}",
            base.suite,
            _TREE,
            *((base.mirror,) if base.mirror else ()),
        )
        mounts = (
            Mount(target=_TREE, source=site.tree, writable=True),
            Mount(target=_DEBS, source=debs),
        )
        with site.reporter.amount("packages", None, unit=" lines") as advance:
            site.workshop(*mounts).run(command, why="make a minimal Debian", on_line=lambda _line: advance(1))
