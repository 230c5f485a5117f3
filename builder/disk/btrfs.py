"""A btrfs with subvolumes out of directories, by mkfs.btrfs alone: nothing is mounted and no root is needed.

Traps that shape this file. mkfs.btrfs takes profiles, sector size and features from defaults that changed over time, so
all are given. Much of what it writes differs from build to build without an option to change that, so a library is
preloaded that keeps it steady. And it enlarges a plain file without a word to what it thinks the trees need before
compression, so the size is checked afterwards.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final
from uuid import UUID, uuid5

from builder.disk.preload import STEADY, compile_library, environment
from builder.disk.source import Source
from builder.errors import BuildFailed, CommandFailed, PlanError
from builder.host.sandbox import Mount
from builder.host.tools import WORK, Tools
from builder.plan.layout import PlacedPartition
from builder.units import GIB, MIB, align_up, format_size

FEATURES: Final = "extref,skinny-metadata,no-holes,free-space-tree,^block-group-tree,^quota"
"""What Linux 6.12 mounts and older rescue systems still read."""

NODE: Final = 4096
"""Bytes of a node of the trees, the least that there is: whatever changes is written again in whole nodes, all the way
up and twice, and a card wears with every byte. It is also sooner made (scripts/bench/nodes.py)."""

_DISK, _TREE = f"{WORK}/disk.img", f"{WORK}/tree"
_FULL: Final = ("no space left", "enospc", "error: -28", "too small to make")


def make_btrfs(
    tools: Tools,
    subvolumes: Mapping[str, Source],
    partition: PlacedPartition,
    *,
    out: Path,
    epoch: int,
    compress: str | None = None,
    nested: Sequence[str] = (),
) -> None:
    """Make `out`, a sparse file with a btrfs for the partition that holds `subvolumes`.

    The keys of `subvolumes` are their names; the name "" alone means a btrfs without subvolumes. `compress` is such as
    `zstd:3`. `nested` are directories, relative to the top, that become subvolumes where they lie. `epoch`, seconds
    since 1970, is the date of everything that has none of its own, and the latest that a file can have.

    The file has the size of the partition, or is smaller: when only compression makes the trees fit, the file system
    must grow to its partition on the device (`x-systemd.growfs`), because mkfs.btrfs would not start at that size.

    Raises:
        PlanError: the trees do not fit; the message says what they need.
        BuildFailed: a hard link would have to cross from one subvolume to another.
        CommandFailed: mkfs.btrfs failed for another reason.
    """
    _refuse_crossing_links(subvolumes)
    make = partial(_make, tools, subvolumes, partition, out=out, epoch=epoch, compress=compress, nested=nested)
    try:
        make(size=partition.size_bytes)
    except CommandFailed as error:
        if not any(sign in error.tail.lower() for sign in _FULL):
            raise
    else:
        if out.stat().st_size == partition.size_bytes:
            return
    needed = _shrunk(make, subvolumes, out)
    if needed > partition.size_bytes:
        raise PlanError(
            f"partition {partition.name} has {format_size(partition.size_bytes)}, "
            f"but what goes into it needs {format_size(needed)}",
            hint=f"give partition {partition.name} at least {align_up(needed, MIB) // MIB}MiB",
        )


def needed_bytes(
    tools: Tools,
    subvolumes: Mapping[str, Source],
    partition: PlacedPartition,
    *,
    scratch: Path,
    compress: str | None = None,
) -> int:
    """The size that these trees need as a btrfs. Nobody can foretell compression, so this makes one and looks."""
    with TemporaryDirectory(dir=scratch) as directory:
        trial = Path(directory, "trial.img")
        make = partial(_make, tools, subvolumes, partition, out=trial, epoch=1, compress=compress)
        return _shrunk(make, subvolumes, trial)


def _shrunk(make: Callable[..., None], subvolumes: Mapping[str, Source], out: Path) -> int:
    """Make the smallest btrfs that mkfs.btrfs can, and return its size."""
    try:
        # From no size at all, mkfs.btrfs takes its own estimate.
        make(size=0, shrink=True)
    except CommandFailed:
        content = sum(facts.st_size for source in subvolumes.values() for _, facts in source.walk())
        make(size=align_up(2 * content + 2 * GIB, MIB), shrink=True)
    return out.stat().st_size


def _make(
    tools: Tools,
    subvolumes: Mapping[str, Source],
    partition: PlacedPartition,
    *,
    out: Path,
    size: int,
    epoch: int,
    compress: str | None,
    nested: Sequence[str] = (),
    shrink: bool = False,
) -> None:
    assert partition.filesystem_uuid is not None
    unique = UUID(partition.filesystem_uuid)
    with out.open("wb") as file:
        os.truncate(file.fileno(), size)
    with TemporaryDirectory(dir=out.parent) as scratch:
        mounts = [Mount(target=_DISK, source=out, writable=True)]
        named = tuple(name for name in subvolumes if name)
        if named:
            # The directory above the subvolumes is the top level of the btrfs: a plain directory of root's.
            top = Path(scratch, "top")
            for name in named:
                Path(top, name).mkdir(parents=True)
            for directory in (top, *top.iterdir()):
                directory.chmod(0o755)
                os.utime(directory, (epoch, epoch))
            os.utime(top, (epoch, epoch))
            mounts.append(Mount(target=_TREE, source=top))
        for name, source in subvolumes.items():
            mounts += source.mounts(f"{_TREE}/{name}" if name else _TREE, scratch=Path(scratch))
        argv = ["mkfs.btrfs", "--quiet", "--nodiscard", "--rootdir", _TREE]
        argv += ["--uuid", str(unique), "--device-uuid", str(uuid5(unique, "device"))]
        # Metadata twice: a worn cell of a card then costs a repair and not the file system.
        argv += ["--metadata", "dup", "--data", "single", "--sectorsize", "4096", "--nodesize", str(NODE)]
        argv += ["--checksum", "crc32c", "--features", FEATURES]
        argv += ["--label", partition.label] if partition.label else []
        argv += ["--compress", compress] if compress else []
        argv += ["--shrink"] if shrink else []
        for name in (*named, *nested):
            argv += ["--subvol", f"rw:{name}"]
        mounts.append(compile_library(STEADY, tools, Path(scratch)))
        env = environment(STEADY, seed=unique, epoch=epoch)
        tools.sandbox(*mounts).run((*argv, _DISK), why=f"make partition {partition.name}", env=env)


def _refuse_crossing_links(subvolumes: Mapping[str, Source]) -> None:
    """mkfs.btrfs would quietly turn one file into two.

    The outermost tree has nearly all the files; it is looked through only if a file of another one has further names.
    """
    outermost = min(subvolumes, key=lambda name: len(subvolumes[name].path.parts))
    seen: dict[tuple[int, int], tuple[str, str]] = {}
    names_elsewhere: dict[tuple[int, int], int] = {}
    for name in sorted(subvolumes, key=lambda name: name == outermost):
        if name == outermost and not any(names_elsewhere.values()):
            return
        for path, facts in subvolumes[name].walk():
            if facts.st_nlink < 2 or stat.S_ISDIR(facts.st_mode):
                continue
            inode = (facts.st_dev, facts.st_ino)
            other, first = seen.setdefault(inode, (name, path))
            if other != name:
                names = " and ".join(sorted((f"{other}/{first}", f"{name}/{path}")))
                raise BuildFailed(
                    f"{names} are one file with two names, which cannot be in two subvolumes",
                    hint="make one of them a symbolic link or a copy",
                )
            names_elsewhere[inode] = names_elsewhere.get(inode, facts.st_nlink) - 1
