"""An ext4 out of a directory, by `mke2fs -d`.

What is read-only on the device gets no journal, no reserve and exactly as many inodes as it has files.
"""

from __future__ import annotations

import os
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final
from uuid import UUID, uuid5

from builder.disk.ext4_size import Content, geometry, measure
from builder.disk.preload import BULK, STEADY, compile_library, environment
from builder.disk.source import Source
from builder.errors import BuildFailed, CommandFailed, PlanError
from builder.host.sandbox import Mount
from builder.host.tools import WORK, Tools
from builder.plan.layout import PlacedPartition
from builder.units import align_up, format_size

_FEATURES: Final = (
    "none,ext_attr,dir_index,filetype,extent,64bit,flex_bg,sparse_super,large_file,huge_file,dir_nlink,extra_isize,"
    "metadata_csum,metadata_csum_seed"
)
"""With metadata_csum_seed, checksums do not depend on the UUID, so that a device can change it at once."""
_BROKEN: Final = "1.47.3"
"""This mke2fs cuts files of 2 GiB and more (tytso/e2fsprogs issues 254 and 264)."""

_BYTES_FOR_AN_INODE: Final = 16_384


def needed_bytes(source: Source, *, read_only: bool) -> int:
    """The smallest size that surely holds the tree as an ext4."""
    return geometry(measure(source), read_only=read_only)


def make_ext4(
    tools: Tools, source: Source, partition: PlacedPartition, *, out: Path, epoch: int, read_only: bool
) -> None:
    """Make `out`, a sparse file of the partition's size with an ext4 that holds the tree.

    `epoch`, seconds since 1970, is the date of everything that has none of its own, and the latest that a file can
    have. `read_only` says how the device mounts it.

    Raises:
        PlanError: the tree does not fit; the message says what it needs.
        BuildFailed: the mke2fs of the workshop is known to damage large files.
        CommandFailed: mke2fs failed for another reason.
    """
    assert partition.filesystem_uuid is not None
    refuse_broken(_version(tools))
    unique = UUID(partition.filesystem_uuid)
    content = measure(source)
    disk, tree = f"{WORK}/disk.img", f"{WORK}/tree"
    with out.open("wb") as file:
        os.truncate(file.fileno(), partition.size_bytes)
    # nodiscard and NOZEROOUT: what must be zero is written as zeros and not left as a hole, because a card that had
    # another life has no zeros where an image has holes.
    extended = f"hash_seed={uuid5(unique, 'hash seed')},root_owner=0:0,lazy_itable_init=0,nodiscard"
    env = {**environment(STEADY, BULK, seed=unique, epoch=epoch), "UNIX_IO_NOZEROOUT": "1"}
    argv = ["mke2fs", "-q", "-F", "-t", "ext4", "-b", "4096", "-I", "256", "-m", "0", "-U", str(unique)]
    argv += ["-d", tree, "-N", str(_inodes(content, partition, read_only=read_only)), "-e", "remount-ro"]
    argv += ["-L", partition.label] if partition.label else []
    argv += ["-O", _FEATURES if read_only else f"{_FEATURES},has_journal,resize_inode", "-E", extended, disk]
    with TemporaryDirectory(dir=out.parent) as scratch:
        libraries = [compile_library(library, tools, Path(scratch)) for library in (STEADY, BULK)]
        mounts = source.mounts(tree, scratch=Path(scratch))
        sandbox = tools.sandbox(Mount(target=disk, source=out, writable=True), *mounts, *libraries)
        try:
            sandbox.run(argv, why=f"make partition {partition.name}", env=env)
        except CommandFailed as error:
            needed = geometry(content, read_only=read_only)
            if needed <= partition.size_bytes:
                raise
            raise PlanError(
                f"partition {partition.name} has {format_size(partition.size_bytes)}, "
                f"but what goes into it needs {format_size(needed)}",
                hint=f"give partition {partition.name} at least {align_up(needed, 1 << 20) >> 20}MiB",
            ) from error


def _inodes(content: Content, partition: PlacedPartition, *, read_only: bool) -> int:
    spare = 0 if read_only else max(0, partition.size_bytes - content.blocks * 4096) // _BYTES_FOR_AN_INODE
    return content.inodes + spare


def _version(tools: Tools) -> str:
    lines: list[str] = []
    tools.sandbox().run(("mke2fs", "-V"), why="ask mke2fs for its version", on_line=lines.append)
    return lines[0].split()[1]


def refuse_broken(version: str) -> None:
    """Refuse the one release of mke2fs that damages large files.

    Raises:
        BuildFailed: it is that release.
    """
    if version == _BROKEN:
        raise BuildFailed(
            f"mke2fs {version} cuts files of 2 GiB and more when it copies a tree",
            hint="use e2fsprogs 1.47.2, or 1.47.4 and newer",
        )
