"""How far the last partition of a GPT can reach. Pure: reads what `sfdisk --json` says and writes what sfdisk reads.

Source of the numbers: UEFI specification 2.10, section 5.3 (the backup table and header fill the last sectors).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from device.errors import DeviceError

_MIB = 1024 * 1024
_SMALLEST_GAIN = 16 * _MIB
_TABLE_BYTES = 128 * 128
"""The backup table of 128 entries of 128 bytes."""
_ADVICE = "Flash the device again."


@dataclass(frozen=True, slots=True, kw_only=True)
class Growth:
    """The new size of a partition."""

    number: int
    sectors: int
    """Size in logical sectors of the disk."""

    @property
    def script(self) -> str:
        """The line that `sfdisk -N NUMBER` reads; what it does not name stays as it is."""
        return f"size={self.sectors}\n"


def plan(table: dict[str, Any], *, number: int, disk_bytes: int) -> Growth | None:
    """What to do so that a partition reaches to the end of the disk; nothing when there is no room worth it.

    Args:
        table: what `sfdisk --json` printed.
        number: the partition's number as the kernel counts.
        disk_bytes: the size of the disk; the table may know only of a smaller one.

    Raises:
        DeviceError: no GPT, no such partition, or it is not the last one on the disk.
    """
    content = table["partitiontable"]
    if content["label"] != "gpt":
        raise DeviceError(f"the disk has a {content['label']} partition table, not GPT", advice=_ADVICE)
    sector = int(content["sectorsize"])
    parts = content["partitions"]
    own = next((part for part in parts if _number(part["node"], content["device"]) == number), None)
    if own is None:
        raise DeviceError(f"the partition table has no partition {number}", advice=_ADVICE)
    if any(part["start"] > own["start"] for part in parts):
        raise DeviceError(f"partition {number} is not the last one on the disk and cannot grow", advice=_ADVICE)
    usable = disk_bytes // sector - 1 - -(-_TABLE_BYTES // sector)
    step = _MIB // sector
    size = (usable - own["start"]) // step * step
    gain = (size - own["size"]) * sector
    return Growth(number=number, sectors=size) if gain >= _SMALLEST_GAIN else None


def _number(node: str, disk: str) -> int:
    """3 for `/dev/vda3` and `/dev/nvme0n1p3`."""
    return int(node.removeprefix(disk).removeprefix("p"))
