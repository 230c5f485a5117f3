"""A fixed VHD, the form in which Azure takes a disk: the disk's bytes, and behind them a footer of 512.

Source: Virtual Hard Disk Image Format Specification, version 1.0, Microsoft, October 2006: "Hard Disk Footer Format"
and the appendix "CHS Calculation". That Azure wants a whole number of MiB is said in its documentation only.
"""

from __future__ import annotations

import os
import struct
from pathlib import Path
from typing import Final, NamedTuple
from uuid import UUID, uuid5

from builder.disk.extents import copy_extent, data_extents
from builder.errors import BuildFailed
from builder.progress import Reporter
from builder.units import MIB, SECTOR

SUFFIX: Final = ".vhd"

_EPOCH: Final = 946_684_800
"""Where a VHD's clock begins: 1 January 2000, UTC, in seconds since 1970."""

_FOOTER: Final = struct.Struct(">8sIIQI4sI4sQQHBBII16sB427x")
_CHECKSUM_AT: Final = 64

_RESERVED: Final = 2
"""The one feature bit that is always set."""
_VERSION: Final = 0x0001_0000
_NO_HEADER: Final = 0xFFFF_FFFF_FFFF_FFFF
_FIXED: Final = 2
_CREATOR: Final = (b"win ", 0x000A_0000, b"Wi2k")
"""Who made it, in the words of Hyper-V: of creators that it does not know, QEMU 7.2 goes by the geometry."""

_OURS: Final = UUID("b7d1d9a2-52f0-4a53-9d2f-1f4f2f2c9a0e")
"""The namespace of a disk's identity."""


class Geometry(NamedTuple):
    """Cylinders, heads and sectors per track, as old readers want them."""

    cylinders: int
    heads: int
    sectors: int


def geometry(sectors: int) -> Geometry:
    """The geometry of a disk with so many sectors; most often it covers a little less than the disk."""
    sectors = min(sectors, 65535 * 16 * 255)
    if sectors >= 65535 * 16 * 63:
        per_track, heads = 255, 16
    else:
        per_track = 17
        heads = max((sectors // per_track + 1023) // 1024, 4)
        if heads > 16 or sectors // per_track >= heads * 1024:
            per_track, heads = 31, 16
        if sectors // per_track >= heads * 1024:
            per_track, heads = 63, 16
    return Geometry(sectors // per_track // heads, heads, per_track)


def footer(sha256: str, *, size_bytes: int, date: int) -> bytes:
    """What makes a disk a fixed VHD.

    Args:
        sha256: Of the disk; its identity is made from it, so that the same disk is the same VHD.
        size_bytes: Of the disk.
        date: When it was made, in seconds since 1970.

    Raises:
        BuildFailed: the disk is not a whole number of MiB.
    """
    if size_bytes % MIB:
        raise BuildFailed(
            f"a disk of {size_bytes:,} bytes is not a whole number of MiB, as Azure wants it",
            hint="this is a fault of Satchel; please report it",
        )
    blank = _FOOTER.pack(
        *(b"conectix", _RESERVED, _VERSION, _NO_HEADER, max(date - _EPOCH, 0), *_CREATOR),
        *(size_bytes, size_bytes, *geometry(size_bytes // SECTOR)),
        *(_FIXED, 0, uuid5(_OURS, sha256).bytes, 0),
    )
    checksum = ~sum(blank) & 0xFFFF_FFFF
    return blank[:_CHECKSUM_AT] + checksum.to_bytes(4, "big") + blank[_CHECKSUM_AT + 4 :]


def write_vhd(image: Path, ending: bytes, *, out: Path, reporter: Reporter) -> None:
    """Write the bytes of an image and `ending`, its footer; blocks are shared with the image where the file system can.

    What is a hole in the image is one in the VHD.
    """
    with image.open("rb") as source, out.open("xb") as target:
        size = os.fstat(source.fileno()).st_size
        target.truncate(size + len(ending))
        total = os.fstat(source.fileno()).st_blocks * 512
        with reporter.amount("VHD", total) as advance:
            for extent in data_extents(source.fileno()):
                copy_extent(source.fileno(), extent, target.fileno(), at=extent.start, advance=advance)
        os.pwrite(target.fileno(), ending, size)
        os.fsync(target.fileno())
