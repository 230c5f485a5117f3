"""List the directories of a file system in an image, so that what nobody needs is not read at all.

Must run inside the namespace.
"""

from __future__ import annotations

import re
import stat
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from builder.audit.partition import ImagePartition
from builder.audit.reader import cut_out, debugfs, opened
from builder.host.sandbox import Sandbox
from builder.host.tools import Tools
from builder.recipe.disk import FileSystem

_ROOT_INODE: Final = 2
_ENTRY: Final = re.compile(r"^/(\d+)/(\d{6})/\d+/\d+/([^/]+)/\d*/$")
"""A line of `ls -p` in debugfs: inode, mode in octal, owner, group, name, size."""

_RESTORING: Final = "Restoring "


def directories(tools: Tools, image: Path, partition: ImagePartition) -> tuple[str, ...]:
    """All directories of a file system, as relative paths; of a btrfs files too. None of a vfat.

    Raises:
        CommandFailed: there is no such file system.
    """
    match partition.filesystem:
        case FileSystem.VFAT:
            return ()
        case FileSystem.EXT4:
            return tuple(_of_ext4(tools, image, partition))
        case FileSystem.BTRFS:
            return tuple(_of_btrfs(tools, image, partition))


def _of_ext4(tools: Tools, image: Path, partition: ImagePartition) -> Iterator[str]:
    """Level by level, because starting debugfs takes longer than many answers."""
    with opened(tools, image, partition) as (sandbox, placed):
        level = {_ROOT_INODE: ""}
        while level:
            below = {}
            for parent, inode, name in _listed(sandbox, placed, tuple(level)):
                path = f"{level[parent]}/{name}".lstrip("/")
                below[inode] = path
                yield path
            level = below


def _listed(sandbox: Sandbox, partition: ImagePartition, inodes: Sequence[int]) -> Iterator[tuple[int, int, str]]:
    """Directory, inode and name of every directory in these directories."""
    requests = "".join(f"ls -p <{inode}>\n" for inode in inodes)
    answer = sandbox.run(debugfs(partition, "-f", "-"), why=f"list partition {partition.name}", stdin=requests.encode())
    parent = 0
    for line in answer.splitlines():
        found = _ENTRY.match(line)
        if found is None or not stat.S_ISDIR(int(found[2], 8)):
            continue
        if found[3] == ".":
            parent = int(found[1])
        elif found[3] != "..":
            yield parent, int(found[1]), found[3]


def _of_btrfs(tools: Tools, image: Path, partition: ImagePartition) -> Iterator[str]:
    with cut_out(tools, image, partition) as (sandbox, disk, out):
        answer = sandbox.run(
            ("btrfs", "restore", "--dry-run", "-vv", "--snapshots", disk, out), why=f"list partition {partition.name}"
        )
    for line in answer.splitlines():
        if line.startswith(f"{_RESTORING}{out}/"):
            yield line.removeprefix(f"{_RESTORING}{out}/")
