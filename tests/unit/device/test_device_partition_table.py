from __future__ import annotations

from typing import Any

import pytest
from device.errors import DeviceError
from firstboot import partition_table
from firstboot.partition_table import Growth

MIB = 1024 * 1024


def table(sector: int = 512, disk: str = "/dev/vda") -> dict[str, Any]:
    """Three partitions, the last one 512 MiB long from 256 MiB on."""
    prefix = f"{disk}p" if disk[-1].isdigit() else disk
    unit = MIB // sector
    parts = [(4, 4), (8, 248), (256, 512)]
    return {
        "partitiontable": {
            "label": "gpt",
            "device": disk,
            "unit": "sectors",
            "sectorsize": sector,
            "lastlba": 769 * unit - 34,
            "partitions": [
                {"node": f"{prefix}{number}", "start": start * unit, "size": size * unit, "type": "L"}
                for number, (start, size) in enumerate(parts, start=1)
            ],
        }
    }


@pytest.mark.parametrize(("sector", "disk"), [(512, "/dev/vda"), (512, "/dev/nvme0n1"), (4096, "/dev/mmcblk0")])
def test_it_ends_before_the_backup_table(sector: int, disk: str) -> None:
    disk_bytes = 4096 * MIB
    growth = partition_table.plan(table(sector, disk), number=3, disk_bytes=disk_bytes)
    assert growth is not None
    end = (256 * MIB // sector + growth.sectors) * sector
    assert end <= disk_bytes - sector - 128 * 128
    assert disk_bytes - end <= MIB + sector
    assert growth.script == f"size={growth.sectors}\n"


def test_a_disk_whose_size_is_odd() -> None:
    assert partition_table.plan(table(), number=3, disk_bytes=7_200_000_000) == Growth(number=3, sectors=13_537_280)


@pytest.mark.parametrize("disk_bytes", [600 * MIB, 769 * MIB, 784 * MIB])
def test_no_room_worth_it(disk_bytes: int) -> None:
    assert partition_table.plan(table(), number=3, disk_bytes=disk_bytes) is None


def test_only_the_last_partition_grows() -> None:
    with pytest.raises(DeviceError, match="not the last one"):
        partition_table.plan(table(), number=2, disk_bytes=4096 * MIB)
    with pytest.raises(DeviceError, match="no partition 7"):
        partition_table.plan(table(), number=7, disk_bytes=4096 * MIB)


def test_other_tables_are_refused() -> None:
    dos = table()
    dos["partitiontable"]["label"] = "dos"
    with pytest.raises(DeviceError, match="dos partition table"):
        partition_table.plan(dos, number=3, disk_bytes=4096 * MIB)
