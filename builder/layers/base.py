"""The bottom of every tree: a minimal Debian."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from builder.host.sandbox import Mount
from builder.host.tools import SLIMMING, apt_mirror
from builder.layers.site import Layer, Site, code_digest
from builder.recipe.model import Base


@dataclass(frozen=True, slots=True, kw_only=True)
class BaseLayer(Layer):
    """A minimal Debian by mmdebstrap: essential packages and apt."""

    base: Base
    name: str = "base"

    def _mirror(self) -> tuple[str, ...]:
        return (self.base.mirror,) if self.base.mirror else apt_mirror()

    def parts(self) -> Mapping[str, str]:
        """The recipe's base, the mirror and what is left out of every package."""
        return {
            "base": self.base.model_dump_json(exclude={"mirror"}),
            "mirror": " ".join(self._mirror()) or "default",
            "slimming": " ".join(SLIMMING),
            "code": code_digest(BaseLayer),
        }

    def build(self, site: Site) -> None:
        """Fill the empty tree."""
        base = self.base
        command = (
            "mmdebstrap",
            "--mode=unshare",
            "--variant=minbase",
            "--format=directory",
            f"--components={','.join(base.components)}",
            f"--architectures={base.architecture}",
            *SLIMMING,
            # Unsafe only for a machine that crashes while it builds: such a layer is thrown away anyway.
            "--dpkgopt=force-unsafe-io",
            base.suite,
            "/job/tree",
            *self._mirror(),
        )
        sandbox = site.tools.sandbox(Mount(target="/job/tree", source=site.tree, writable=True), network=True)
        with site.reporter.amount("packages", None, unit=" lines") as advance:
            sandbox.run(command, why="make a minimal Debian", on_line=lambda _line: advance(1))
