"""The ids by which mount tables name partitions (`PARTUUID=`), from the first bytes of a disk. Pure.

libparted 3.5 does not tell them. Positions are from the UEFI specification, chapter 5, and from the classic MBR.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from typing import Final
from uuid import UUID

from builder.disk.read import Table

HEAD_BYTES: Final = 1024 * 1024
"""How much of a disk's beginning `partuuids` wants to see."""

_DISK_ID: Final = 440


def partuuids(head: bytes, table: Table) -> Mapping[int, str]:
    """The ids by number of the partition, as `blkid` prints them."""
    if table.kind == "mbr":
        (disk,) = struct.unpack_from("<I", head, _DISK_ID)
        return {partition.number: f"{disk:08x}-{partition.number:02x}" for partition in table.partitions}
    first, _count, size = struct.unpack_from("<QII", head, table.sector_bytes + 72)
    found = {}
    for partition in table.partitions:
        at = first * table.sector_bytes + (partition.number - 1) * size + 16
        if at + 16 <= len(head):
            found[partition.number] = str(UUID(bytes_le=head[at : at + 16]))
    return found
