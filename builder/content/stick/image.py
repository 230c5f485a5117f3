"""A whole stick as a file: a partition table with one ext4, which `satchel flash` writes to a stick like any image.

Ext4, because it holds files of any size, its size can be computed before it is made, and every device of ours mounts
it; without a journal, because nobody writes to it any more.
"""

from __future__ import annotations

import os
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final
from uuid import uuid4

from builder.content.stick.manifest import LABEL
from builder.content.stick.writing import Order, Written, write_stick
from builder.disk.ext4 import needed_bytes
from builder.disk.source import Source
from builder.errors import ArtifactError
from builder.host.sandbox import Mount
from builder.host.tools import WORK, Tools
from builder.progress import Reporter
from builder.units import MIB, align_up

_START: Final = MIB
_BEHIND: Final = MIB
"""Room for the second partition table."""
_SPARE: Final = MIB


def write_image(order: Order, image: Path, tools: Tools, reporter: Reporter) -> Written:
    """Make a new image file. Must run inside the namespace.

    Raises:
        ArtifactError: the file is there already, or cannot be written.
        PlanError: there is no such content, or it does not fit.
        CommandFailed: the file system could not be made.
    """
    if os.path.lexists(image):
        raise ArtifactError(f"{image} is there already", hint="remove it, or choose another name")
    try:
        with TemporaryDirectory(dir=image.parent, prefix=f".{image.name}.") as room:
            tree, unfinished = Path(room, "tree"), Path(room, "image")
            tree.mkdir(mode=0o755)
            written = write_stick(order, tree, reporter, link=True)
            with reporter.step("make the file system"):
                _make(tools, tree, unfinished)
            unfinished.rename(image)
    except OSError as error:
        raise ArtifactError(f"{image} cannot be written: {error}") from error
    return written


def _make(tools: Tools, tree: Path, image: Path) -> None:
    size = align_up(needed_bytes(Source(path=tree), read_only=True) + _SPARE, MIB)
    with image.open("wb") as file:
        os.truncate(file.fileno(), _START + size + _BEHIND)
    disk, inside = f"{WORK}/disk.img", f"{WORK}/tree"
    sandbox = tools.sandbox(Mount(target=disk, source=image, writable=True), Mount(target=inside, source=tree))
    table = f'label: gpt\nstart={_START // 512}, size={size // 512}, type=L, name="{LABEL.lower()}"\n'
    partition = ("sfdisk", "--quiet", "--no-reread", "--no-tell-kernel", disk)
    sandbox.run(partition, why="write the partition table", stdin=table.encode())
    features = "none,ext_attr,dir_index,filetype,extent,64bit,flex_bg,sparse_super,large_file,huge_file,dir_nlink"
    shape = ("-q", "-F", "-t", "ext4", "-b", "4096", "-I", "256", "-m", "0", "-L", LABEL, "-U", str(uuid4()))
    checked = ("-O", f"{features},extra_isize,metadata_csum,metadata_csum_seed")
    placed = ("-E", f"offset={_START},root_owner=0:0,lazy_itable_init=0", "-d", inside)
    count = ("-N", str(16 + sum(1 for _ in tree.rglob("*"))))
    argv = ("mke2fs", *shape, *checked, *placed, *count, disk, f"{size // 1024}k")
    sandbox.run(argv, why="make the file system")
