"""The disk image out of its pieces: the table, the boot code, and each partition's data at its place.

Nothing is copied that is a hole, and where the file system can share blocks nothing is copied at all. The list of what
was written is the truth that the block map is made from.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from builder.disk.extents import Extent, copy_extent, data_extents, in_blocks
from builder.disk.table import write_table
from builder.errors import BuildFailed
from builder.host.tools import Tools
from builder.plan.layout import GPT_SECTORS, Layout, PlacedPartition
from builder.progress import Reporter
from builder.units import KIB, MIB, SECTOR, format_size

BLOCK: Final = 4 * KIB
"""Extents are whole blocks of this size, as block maps want them."""

_HEAD, _TAIL = MIB, 128 * KIB
"""Mapped at both ends of every partition, holes too: there the signatures of a card's former life may lie, and two file
systems in one place make `root=UUID=` find none (blkid calls it ambivalent)."""


def assemble(
    tools: Tools,
    layout: Layout,
    pieces: Mapping[str, Path],
    *,
    image: Path,
    boot_code: bytes = b"",
    reporter: Reporter,
) -> tuple[Extent, ...]:
    """Write `image` and return its mapped extents: whole blocks, in order, everything that a card must carry.

    `pieces` has a file for each partition that has content, by name, never larger than its partition; `boot_code` is
    at most 440 bytes for the MBR.

    Raises:
        BuildFailed: a piece is larger than its partition.
        CommandFailed: the partition table could not be written.
    """
    mapped = [Extent(0, (1 + GPT_SECTORS) * SECTOR)]
    mapped.append(Extent(layout.size_bytes - GPT_SECTORS * SECTOR, GPT_SECTORS * SECTOR))
    with image.open("wb") as file:
        file.truncate(layout.size_bytes)
    write_table(tools, layout, image)
    placed = {partition.name: partition for partition in layout.partitions}
    total = sum(path.stat().st_blocks * 512 for path in pieces.values())
    with image.open("r+b") as file, reporter.amount("disk image", total) as advance:
        os.pwrite(file.fileno(), boot_code, 0)
        for name, path in pieces.items():
            partition = placed[name]
            _check(partition, path)
            with path.open("rb") as piece:
                for extent in data_extents(piece.fileno()):
                    at = partition.start_bytes + extent.start
                    copy_extent(piece.fileno(), extent, file.fileno(), at=at, advance=advance)
                    mapped.append(Extent(at, extent.length))
        os.fsync(file.fileno())
    for partition in layout.partitions:
        head, tail = min(_HEAD, partition.size_bytes), min(_TAIL, partition.size_bytes)
        mapped += (Extent(partition.start_bytes, head), Extent(partition.end_bytes - tail, tail))
    return in_blocks(mapped, block=BLOCK)


def _check(partition: PlacedPartition, path: Path) -> None:
    size = path.stat().st_size
    if size > partition.size_bytes:
        raise BuildFailed(
            f"what goes into partition {partition.name} has {format_size(size)}, "
            f"but the partition has {format_size(partition.size_bytes)}"
        )
