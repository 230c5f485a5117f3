"""The last partition and its file system grow to the end of the disk, while mounted.

May be cut off anywhere: the table has two copies, of which sfdisk writes one after the other; a partition that has
grown while its file system has not is finished by the next run, because growing the file system is always tried.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from device import mounts
from device.commands import run as run_command
from device.errors import DeviceError
from device.mounts import Mount
from firstboot import partition_table
from firstboot.device import Device
from firstboot.journal import Facts

_SYSFS_SECTOR = 512
"""The kernel counts /sys/block/*/size in these, whatever the disk does."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Partition:
    """A partition, as the kernel sees it."""

    disk: Path
    """The device node of the disk."""
    node: Path
    """The device node of the partition."""
    number: int
    disk_bytes: int


def run(device: Device) -> Facts:
    """Grow what the recipe says."""
    point = device.settings.grow
    if point is None:
        return {}
    mount = mounts.mounted_at(mounts.read(device.paths.mountinfo), point)
    if mount is None:
        raise DeviceError(f"nothing is mounted at {point}", advice="The disk may be damaged. Use another one.")
    partition = find(device.paths.at("/sys"), device.paths.at("/dev"), mounts.device_number(mount))
    grow_partition(partition)
    run_command(("partx", "--update", "--nr", str(partition.number), str(partition.disk)), why="tell the kernel")
    _grow_file_system(mount, partition)
    return {}


def find(sys: Path, dev: Path, number: str) -> Partition:
    """The partition with a device number, and its disk: from sysfs, because names tell nothing.

    Raises:
        DeviceError: it is not a partition.
    """
    place = (sys / "dev/block" / number).resolve()
    if not (place / "partition").is_file():
        raise DeviceError(f"block device {number} is not a partition", advice="Flash the device again.")
    disk = place.parent
    return Partition(
        disk=dev / _node_name(disk),
        node=dev / _node_name(place),
        number=int((place / "partition").read_text(encoding="ascii")),
        disk_bytes=int((disk / "size").read_text(encoding="ascii")) * _SYSFS_SECTOR,
    )


def _node_name(place: Path) -> str:
    lines = (place / "uevent").read_text(encoding="utf-8").splitlines()
    return next(line.removeprefix("DEVNAME=") for line in lines if line.startswith("DEVNAME="))


def grow_partition(partition: Partition) -> None:
    """Move the backup table to the end of the disk and let the partition reach up to it."""
    disk = str(partition.disk)
    table = json.loads(run_command(("sfdisk", "--json", disk), why="read the partition table"))
    growth = partition_table.plan(table, number=partition.number, disk_bytes=partition.disk_bytes)
    if growth is None:
        return
    # The disk is in use: sfdisk must neither insist on having it alone nor ask the kernel to read all of it again.
    in_use = ("--no-reread", "--no-tell-kernel", "--force", "--quiet")
    run_command(("sfdisk", *in_use, "--relocate", "gpt-bak-std", disk), why="move the backup partition table")
    resize = ("sfdisk", *in_use, "--wipe", "never", "--wipe-partitions", "never", "-N", str(growth.number), disk)
    run_command(resize, why="grow the partition", stdin=growth.script)


def _grow_file_system(mount: Mount, partition: Partition) -> None:
    why = f"grow the file system at {mount.point}"
    match mount.type:
        case "ext4":
            run_command(("resize2fs", str(partition.node)), why=why)
        case "btrfs":
            run_command(("btrfs", "filesystem", "resize", "max", mount.point), why=why)
        case other:
            raise DeviceError(f"a {other} file system cannot grow", advice="Correct the recipe and flash again.")
