"""A vfat out of a few files, by mkfs.fat and mtools: the EFI system partition."""

from __future__ import annotations

import os
import struct
from collections.abc import Iterable, Mapping
from pathlib import Path, PurePosixPath
from tempfile import TemporaryDirectory
from typing import Final

from builder.errors import CommandFailed, PlanError
from builder.host.sandbox import Mount, Sandbox
from builder.host.tools import WORK, Tools
from builder.plan.layout import PlacedPartition
from builder.units import MIB, SECTOR, align_up, format_size

_FAT32_FROM: Final = 64 * MIB
"""A FAT32 with fewer than 65,525 clusters is taken for a FAT16 by firmware; from this size on there are enough."""

_LARGEST_CLUSTER: Final = 8 * SECTOR
_NAME_ENTRY, _NAME_CHARACTERS = 32, 13
_DISK: Final = f"{WORK}/disk.img"


def _shape(size_bytes: int) -> tuple[str, ...]:
    """The options that decide FAT16 or FAT32 and the size of a cluster, the largest that leaves enough of them."""
    if size_bytes < _FAT32_FROM:
        return ("-F", "16")
    sectors = _LARGEST_CLUSTER // SECTOR
    while size_bytes // (sectors * SECTOR) < 70_000 and sectors > 1:
        sectors //= 2
    return ("-F", "32", "-s", str(sectors))


def _directories(paths: Iterable[str]) -> tuple[str, ...]:
    """All directories above the paths, each after its parent, in an order that never changes."""
    above = {str(parent) for path in paths for parent in PurePosixPath(path).parents}
    return tuple(sorted(above - {".", "/"}))


def needed_bytes(sizes: Mapping[str, int]) -> int:
    """Room for files of these sizes by path, whatever the size of the clusters: never less than is needed."""
    names = [*sizes, *_directories(sizes)]
    entries = sum(_NAME_ENTRY * (1 + -(-len(PurePosixPath(name).name) // _NAME_CHARACTERS)) for name in names)
    directories = (1 + len(_directories(sizes))) * 2 * _LARGEST_CLUSTER
    content = sum(align_up(size, _LARGEST_CLUSTER) for size in sizes.values())
    # Two tables with 4 bytes for each cluster of 512 bytes, reserved sectors, FAT16's fixed root directory.
    return (content + entries + directories) * 65 // 64 + MIB // 8


def first_file_at(tools: Tools, partition: PlacedPartition, *, scratch: Path) -> int:
    """Where in the partition the content of its very first file will lie.

    An empty one is made and asked for its shape, so that nothing need be known of how mkfs.fat decides.
    """
    with TemporaryDirectory(dir=scratch) as directory:
        empty = Path(directory, "empty")
        _truncate(empty, partition.size_bytes)
        _make(tools.sandbox(Mount(target=_DISK, source=empty, writable=True)), partition)
        with empty.open("rb") as file:
            boot = file.read(SECTOR)
    # Microsoft's FAT specification (fatgen103), "Boot Sector and BPB".
    sector, cluster, reserved, tables, root_entries, small_table = struct.unpack_from("<HBHBH3xH", boot, 11)
    (large_table,) = struct.unpack_from("<I", boot, 36)
    data = (reserved + tables * (small_table or large_table)) * sector + align_up(root_entries * _NAME_ENTRY, sector)
    # A FAT32 has its root directory in the first cluster.
    return int(data if small_table else data + cluster * sector)


def make_vfat(
    tools: Tools,
    files: Mapping[str, Path | bytes],
    partition: PlacedPartition,
    *,
    out: Path,
    epoch: int,
    first: Mapping[str, bytes] | None = None,
) -> None:
    """Make `out`, a sparse file of the partition's size with a vfat that holds `files`, by path from its top.

    `epoch`, seconds since 1970, becomes the time of every file. The files of `first` lie at its top and, one after the
    other, in its first clusters.

    Raises:
        PlanError: the files do not fit.
        CommandFailed: a tool failed for another reason.
    """
    tree = f"{WORK}/files"
    first = first or {}
    _truncate(out, partition.size_bytes)
    with TemporaryDirectory(dir=out.parent) as scratch:
        mounts = [Mount(target=_DISK, source=out, writable=True)]
        for number, (path, content) in enumerate(sorted({**files, **first}.items())):
            if isinstance(content, bytes):
                source = Path(scratch, str(number))
                source.write_bytes(content)
            else:
                source = content
            mounts.append(Mount(target=f"{tree}/{path}", source=source))
        sandbox = tools.sandbox(*mounts)
        _make(sandbox, partition)
        env = {"SOURCE_DATE_EPOCH": str(epoch), "MTOOLS_SKIP_CHECK": "1"}
        try:
            if first:
                argv = ("mcopy", "-i", _DISK, *(f"{tree}/{path}" for path in first), "::/")
                sandbox.run(argv, why=f"reserve places in partition {partition.name}", env=env)
            if directories := _directories(files):
                argv = ("mmd", "-i", _DISK, *(f"::/{path}" for path in directories))
                sandbox.run(argv, why=f"make the directories of partition {partition.name}", env=env)
            for directory in ("", *directories):
                inside = sorted(path for path in files if PurePosixPath(path).parent == PurePosixPath(directory))
                if inside:
                    argv = ("mcopy", "-i", _DISK, *(f"{tree}/{path}" for path in inside), f"::/{directory}")
                    sandbox.run(argv, why=f"fill partition {partition.name}", env=env)
        except CommandFailed as error:
            needed = needed_bytes({path: _size(content) for path, content in {**files, **first}.items()})
            if "full" not in error.tail.lower() and needed <= partition.size_bytes:
                raise
            raise PlanError(
                f"partition {partition.name} has {format_size(partition.size_bytes)}, "
                f"but its files need {format_size(needed)}",
                hint=f"give partition {partition.name} a larger size",
            ) from error


def _make(sandbox: Sandbox, partition: PlacedPartition) -> None:
    assert partition.filesystem_uuid is not None
    label = ("-n", partition.label.upper()) if partition.label else ()
    serial = partition.filesystem_uuid.replace("-", "")
    # The serial number comes after --invariant, which would otherwise win.
    make = ("mkfs.fat", "--invariant", "-i", serial, *_shape(partition.size_bytes), *label, _DISK)
    sandbox.run(make, why=f"make partition {partition.name}")


def _size(content: Path | bytes) -> int:
    return len(content) if isinstance(content, bytes) else content.stat().st_size


def _truncate(path: Path, size: int) -> None:
    with path.open("wb") as file:
        os.truncate(file.fileno(), size)
