"""The initramfs, made once, when everything that goes into it is there.

While packages are installed it is not made, although several of them ask for it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final

from builder.host.sandbox import Mount
from builder.layers.site import Layer, Site, code_digest
from builder.layers.stand_ins import stand_ins_below

CONFIGURES: Final = ("etc/initramfs-tools/", "usr/share/initramfs-tools/", "etc/modprobe.d/", "etc/udev/")
"""Where files lie that initramfs-tools reads or copies, so that an overlay which has some must be there before."""

_MAKE: Final = ("update-initramfs", "-c", "-k", "all")
_ROOM: Final = "/run/unpacked"


@dataclass(frozen=True, slots=True, kw_only=True)
class InitramfsLayer(Layer):
    """An initramfs for every kernel of the tree, by the tree's own initramfs-tools if it has them."""

    name: str = "initramfs"

    def parts(self) -> Mapping[str, str]:
        """Only how it is made; what goes into it lies below."""
        return {"code": code_digest(InitramfsLayer)}

    def build(self, site: Site) -> None:
        """Make it."""
        if not (site.tree / "usr/sbin/update-initramfs").exists():
            return
        site.inside(copied=True).run(_MAKE, why="make the initramfs")
        copies = _stand_ins_in_it(site) if site.foreign else ()
        if copies:
            site.reporter.note(f"the initramfs is made again by emulation, because hooks copied {', '.join(copies)}")
            replace(site, foreign=None).inside().run(_MAKE, why="make the initramfs with the tree's own programs alone")


def _stand_ins_in_it(site: Site) -> tuple[str, ...]:
    """What hooks copied while another program stood in for it."""
    room = site.scratch / "unpacked"
    for number, image in enumerate(sorted((site.tree / "boot").glob("initrd.img-*"))):
        (room / str(number)).mkdir(parents=True)
        inside = site.inside(Mount(target=_ROOM, source=room / str(number), writable=True))
        inside.run(("unmkinitramfs", f"/boot/{image.name}", _ROOM), why="look into the initramfs")
    return stand_ins_below(room)
