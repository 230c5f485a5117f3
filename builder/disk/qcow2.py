"""The disk as a qcow2, the form in which QEMU and libvirt keep one: made, and proved, by qemu-img of the workshop.

It is not compressed: what is in the root file system is already, and a compressed cluster is slow to read.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Final

from builder.errors import BuildFailed
from builder.host.sandbox import Mount
from builder.host.tools import WORK, Tools

SUFFIX: Final = ".qcow2"

_AT: Final = f"{WORK}/forms"


def make_qcow2(tools: Tools, image: Path, *, out: Path) -> None:
    """Make a qcow2 of a raw image. Only what is not zeros takes room in it.

    Raises:
        BuildFailed: what was made has another size than the image.
        CommandFailed: it could not be made, is not sound, or is not the same disk.
    """
    raw, made = f"{_AT}/raw/{image.name}", f"{_AT}/made/{out.name}"
    out.touch(exist_ok=False)
    sandbox = tools.sandbox(
        Mount(target=raw, source=image),
        Mount(target=made, source=out, writable=True),
    )
    convert = ("qemu-img", "convert", "-q", "-f", "raw", "-O", "qcow2", "-o", "compat=1.1,lazy_refcounts=off")
    sandbox.run((*convert, raw, made), why="make a qcow2")
    sandbox.run(("qemu-img", "check", "-q", "-f", "qcow2", made), why="look through the qcow2")
    sandbox.run(("qemu-img", "compare", "-q", "-f", "raw", "-F", "qcow2", raw, made), why="compare the qcow2")
    told = json.loads(sandbox.run(("qemu-img", "info", "--output=json", made), why="ask for the size of the qcow2"))
    if told["virtual-size"] != image.stat().st_size:
        raise BuildFailed(
            f"the qcow2 is a disk of {told['virtual-size']:,} bytes, but the image has {image.stat().st_size:,}",
            hint="this is a fault of Satchel or of qemu-img; please report it",
        )
