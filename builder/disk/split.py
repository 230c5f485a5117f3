"""The disk image left in parts: a file for each partition, one for what lies outside of them, and the descriptor.

Nothing is written a second time: a file system that was made just now becomes its part by a new name, and one that is
kept in the cache is shared with it.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from builder.disk.assemble import BLOCK, Pieces, always_mapped, check_pieces, outside_partitions
from builder.disk.extents import Extent, copy_extent, data_extents, in_blocks
from builder.disk.image import Stretch, descriptor
from builder.disk.table import write_table
from builder.host.tools import Tools
from builder.plan.layout import Layout

SUFFIX: Final = ".part"

_FICLONE: Final = 0x4004_9409
"""ioctl_ficlone(2)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One file of a split image."""

    path: Path
    stretches: tuple[Stretch, ...]
    """Where its bytes lie on the disk."""
    mapped: tuple[Extent, ...]
    """What of the file a card must carry: whole blocks, in order."""
    key: str | None = None
    """Of the partition in the cache that it is the same as."""


def split(tools: Tools, layout: Layout, pieces: Pieces, *, image: Path) -> tuple[Part, ...]:
    """Leave the pieces as parts beside `image`, which becomes their descriptor; returns the parts.

    Pieces that are not kept are gone afterwards.

    Raises:
        BuildFailed: a piece is larger than its partition.
        CommandFailed: the partition table could not be written.
    """
    check_pieces(layout, pieces)
    parts = [_outside(tools, layout, pieces.boot_code, _named(image, 0, "table"))]
    for partition in layout.partitions:
        path = _named(image, partition.number, partition.name)
        piece = pieces.of.get(partition.name)
        if piece is None:
            path.touch()
        elif piece.key is None:
            piece.path.rename(path)
        else:
            share(piece.path, path)
        if piece is None or piece.key is None:
            os.truncate(path, partition.size_bytes)
        with path.open("rb") as file:
            mapped = in_blocks((*data_extents(file.fileno()), *always_mapped(partition)), block=BLOCK)
            os.fsync(file.fileno())
        place = Stretch(start_bytes=partition.start_bytes, size_bytes=partition.size_bytes, path=path, offset_bytes=0)
        parts.append(Part(path=path, stretches=(place,), mapped=mapped, key=piece.key if piece else None))
    stretches = sorted((each for part in parts for each in part.stretches), key=lambda each: each.start_bytes)
    image.write_text(descriptor(stretches, identity=layout.disk_guid.int))
    return tuple(parts)


def share(source: Path, target: Path) -> None:
    """The same file again under another name: as blocks that both share where the file system can do that, else as a
    second name of one file, else, on another file system, as a copy without its holes.
    """
    if _cloned(source, target):
        return
    try:
        target.hardlink_to(source)
    except OSError:
        with source.open("rb") as read, target.open("xb") as written:
            written.truncate(source.stat().st_size)
            for extent in data_extents(read.fileno()):
                copy_extent(read.fileno(), extent, written.fileno(), at=extent.start, advance=lambda _count: None)


def _cloned(source: Path, target: Path) -> bool:
    with source.open("rb") as read, target.open("xb") as written:
        try:
            fcntl.ioctl(written.fileno(), _FICLONE, read.fileno())
        except OSError:
            target.unlink()
            return False
    return True


def _named(image: Path, number: int, name: str) -> Path:
    return image.with_name(f"{image.stem}.{number}-{name}{SUFFIX}")


def _outside(tools: Tools, layout: Layout, boot_code: bytes, path: Path) -> Part:
    """The part with the MBR, both copies of the table, and the gaps between partitions."""
    whole = path.with_suffix(".whole")
    with whole.open("xb") as file:
        file.truncate(layout.size_bytes)
    write_table(tools, layout, whole)
    with whole.open("r+b") as file, path.open("xb") as out:
        os.pwrite(file.fileno(), boot_code, 0)
        stretches, mapped = [], []
        for gap in _gaps(layout):
            at = out.tell()
            out.write(os.pread(file.fileno(), gap.length, gap.start))
            stretches.append(Stretch(start_bytes=gap.start, size_bytes=gap.length, path=path, offset_bytes=at))
            mapped += [
                Extent(at + extent.start - gap.start, extent.length)
                for extent in outside_partitions(layout)
                if gap.start <= extent.start < gap.end
            ]
    whole.unlink()
    return Part(path=path, stretches=tuple(stretches), mapped=in_blocks(mapped, block=BLOCK))


def _gaps(layout: Layout) -> Iterator[Extent]:
    """What no partition covers."""
    end = 0
    for partition in layout.partitions:
        if partition.start_bytes > end:
            yield Extent(end, partition.start_bytes - end)
        end = partition.end_bytes
    yield Extent(end, layout.size_bytes - end)
