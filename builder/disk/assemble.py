"""The disk image out of its pieces: the table, the boot code, and each partition's data at its place.

Data is written once. The largest piece becomes the image itself, by a hole inserted before it where the file system can
do that; the others are shared with it or copied without their holes. The list of what was written is the truth that the
block map is made from.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from builder.disk.extents import Extent, copy_extent, data_extents, in_blocks, moved_up
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Piece:
    """The file with what goes into a partition."""

    path: Path
    key: str | None = None
    """Its key in the cache, if it is kept there; otherwise it may become the disk image itself, or a part of it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pieces:
    """All that goes onto a disk besides the table."""

    of: Mapping[str, Piece]
    """A file for each partition that has content, by name, never larger than its partition."""
    boot_code: bytes = b""
    """At most 440 bytes for the MBR."""


def outside_partitions(layout: Layout) -> tuple[Extent, ...]:
    """What a card must carry besides partitions: the protective MBR and both copies of the GPT."""
    return (
        Extent(0, (1 + GPT_SECTORS) * SECTOR),
        Extent(layout.size_bytes - GPT_SECTORS * SECTOR, GPT_SECTORS * SECTOR),
    )


def always_mapped(partition: PlacedPartition) -> tuple[Extent, ...]:
    """What a card must carry of a partition whether it is a hole or not, relative to its beginning."""
    head, tail = min(_HEAD, partition.size_bytes), min(_TAIL, partition.size_bytes)
    return (Extent(0, head), Extent(partition.size_bytes - tail, tail))


def assemble(
    tools: Tools,
    layout: Layout,
    pieces: Pieces,
    *,
    image: Path,
    reporter: Reporter,
) -> tuple[Extent, ...]:
    """Write `image` and return its mapped extents: whole blocks, in order, everything that a card must carry.

    Pieces that are not kept may be gone afterwards.

    Raises:
        BuildFailed: a piece is larger than its partition.
        CommandFailed: the partition table could not be written.
    """
    mapped = [*outside_partitions(layout)]
    placed = {partition.name: partition for partition in layout.partitions}
    check_pieces(layout, pieces)
    body = _largest_of_ours(pieces)
    grown = body is not None and _becomes(pieces.of[body].path, image, at=placed[body].start_bytes)
    if grown:
        assert body is not None
        partition = placed[body]
        with image.open("rb") as file:
            mapped += [extent for extent in data_extents(file.fileno()) if extent.start >= partition.start_bytes]
    with image.open("ab") as file:
        file.truncate(layout.size_bytes)
    write_table(tools, layout, image)
    others = {name: piece.path for name, piece in pieces.of.items() if not (grown and name == body)}
    total = sum(path.stat().st_blocks * 512 for path in others.values())
    with image.open("r+b") as file, reporter.amount("disk image", total) as advance:
        os.pwrite(file.fileno(), pieces.boot_code, 0)
        for name, path in others.items():
            with path.open("rb") as source:
                for extent in data_extents(source.fileno()):
                    at = placed[name].start_bytes + extent.start
                    copy_extent(source.fileno(), extent, file.fileno(), at=at, advance=advance)
                    mapped.append(Extent(at, extent.length))
        os.fsync(file.fileno())
    for partition in layout.partitions:
        mapped += [Extent(partition.start_bytes + part.start, part.length) for part in always_mapped(partition)]
    return in_blocks(mapped, block=BLOCK)


def check_pieces(layout: Layout, pieces: Pieces) -> None:
    """Make sure that everything fits.

    Raises:
        BuildFailed: a piece is larger than its partition.
    """
    for name, piece in pieces.of.items():
        _check(layout.partition(name), piece.path)


def _largest_of_ours(pieces: Pieces) -> str | None:
    sizes = {name: piece.path.stat().st_blocks for name, piece in pieces.of.items() if piece.key is None}
    return max(sizes, key=lambda name: sizes[name], default=None)


def _becomes(piece: Path, image: Path, *, at: int) -> bool:
    """Make the disk image out of a piece, by moving its blocks to their place; whether the file system can."""
    if piece.parent.stat().st_dev != image.parent.stat().st_dev:
        return False
    with piece.open("r+b") as file:
        if not moved_up(file.fileno(), at):
            return False
    piece.rename(image)
    return True


def _check(partition: PlacedPartition, path: Path) -> None:
    size = path.stat().st_size
    if size > partition.size_bytes:
        raise BuildFailed(
            f"what goes into partition {partition.name} has {format_size(size)}, "
            f"but the partition has {format_size(partition.size_bytes)}"
        )
