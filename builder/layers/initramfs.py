"""The initramfs, made once, when everything that goes into it is there.

While packages are installed it is not made, although several of them ask for it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from builder.layers.site import Layer, Site, code_digest

CONFIGURES: Final = ("etc/initramfs-tools/", "usr/share/initramfs-tools/", "etc/modprobe.d/", "etc/udev/")
"""Where files lie that initramfs-tools reads or copies, so that an overlay which has some must be there before."""


@dataclass(frozen=True, slots=True, kw_only=True)
class InitramfsLayer(Layer):
    """An initramfs for every kernel of the tree, by the tree's own initramfs-tools if it has them."""

    name: str = "initramfs"

    def parts(self) -> Mapping[str, str]:
        """Only how it is made; what goes into it lies below."""
        return {"code": code_digest(InitramfsLayer)}

    def build(self, site: Site) -> None:
        """Make it."""
        if (site.tree / "usr/sbin/update-initramfs").exists():
            site.inside().run(("update-initramfs", "-c", "-k", "all"), why="make the initramfs")
