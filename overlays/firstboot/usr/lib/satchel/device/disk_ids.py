"""The ids of the disk that this device started from: its GUID, and those of its partitions and file systems.

The overlay own-disk makes them in the initramfs, as long as the disk still has the GUID of its image.
"""

from __future__ import annotations

import json
import os
import re
from dataclasses import dataclass
from pathlib import Path

from device.commands import run
from device.errors import DeviceError

_IMAGE = re.compile(r"(?:^|\s)satchel\.image=([0-9A-F]{8}(?:-[0-9A-F]{4}){3}-[0-9A-F]{12})(?=\s|$)")


@dataclass(frozen=True, slots=True, kw_only=True)
class DiskIds:
    """What is on the disk; what cannot be read is left out."""

    disk_guid: str | None
    partition_guids: dict[str, str]
    """By the partitions' names."""
    filesystem_uuids: dict[str, str]
    """By the partitions' names."""


def read(disk: Path, sys: Path, dev: Path) -> DiskIds:
    """The ids, from the disk itself: what the kernel remembers is from before they changed.

    Raises:
        DeviceError: the partition table cannot be read.
    """
    table = json.loads(run(("sfdisk", "--json", str(disk)), why="read the partition table"))["partitiontable"]
    return DiskIds(
        disk_guid=table["id"],
        partition_guids={part["name"]: part["uuid"] for part in table["partitions"] if "name" in part},
        filesystem_uuids={name: uuid for name, node in nodes(disk, sys, dev).items() if (uuid := _uuid(node))},
    )


def nodes(disk: Path, sys: Path, dev: Path) -> dict[str, Path]:
    """The device node of each partition, by its name."""
    found = {}
    for event in sorted((sys / "class/block" / disk.name).glob("*/uevent")):
        facts = dict(line.split("=", 1) for line in event.read_text(encoding="utf-8").splitlines() if "=" in line)
        if "PARTNAME" in facts:
            found[facts["PARTNAME"]] = dev / facts["DEVNAME"]
    return found


def _uuid(node: Path) -> str | None:
    try:
        argv = ("blkid", "--probe", "--match-tag", "UUID", "--output", "value", str(node))
        return run(argv, why="read the id of a file system").strip()
    except DeviceError:
        return None


def image_guid(cmdline: str) -> str | None:
    """The GUID that the disk had in its image, from the kernel's command line; none where ids are not changed."""
    found = _IMAGE.search(cmdline)
    return found[1] if found else None


def forget(disk: Path, cmdline: str) -> None:
    """Have the next start give the disk new ids: of the disk, its partitions and its file systems.

    Until then everything stays as it is, for nothing refers to the GUID of the disk.

    Raises:
        DeviceError: this device was not made to change them, or the table cannot be written.
    """
    guid = image_guid(cmdline)
    if guid is None:
        raise DeviceError("the kernel was not told which image this is", advice="Flash the device again.")
    # The disk is in use: sfdisk must neither insist on having it alone nor ask the kernel to read all of it again.
    argv = ("sfdisk", "--no-reread", "--no-tell-kernel", "--quiet", "--disk-id", str(disk), guid)
    run(argv, why="forget the ids of the disk")
    os.sync()
