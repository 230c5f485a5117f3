"""The disks of this machine as facts: what they are, where they are plugged in, and what uses them.

lsblk knows who holds what; where something is plugged in, sysfs tells.
"""

from __future__ import annotations

import json
import os
import re
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from builder.host.command import run

_COLUMNS: Final = "NAME,PATH,TYPE,SIZE,RM,RO,MODEL,VENDOR,SERIAL,TRAN,FSTYPE,MOUNTPOINTS,MAJ:MIN,HOTPLUG"

_NAMED: Final = {"LVM2_member": "LVM", "zfs_member": "a ZFS pool", "crypto_LUKS": "something encrypted"}
_OTHERS: Final = {"bcache", "ceph_bluestore", "drbd"}

_BUS: Final = re.compile(r"usb\d+")
_USB: Final = re.compile(r"\d+-(\d+(?:\.\d+)*)")
_LUN: Final = re.compile(r"\d+:\d+:\d+:(\d+)")
_PORT: Final = re.compile(r"(?:mmc|ata|nvme|virtio)\d+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Disk:
    """A whole disk, with or without something in it."""

    path: Path
    number: str
    """Major and minor number, such as `8:16`."""
    kind: str
    """What lsblk calls it: `disk`, `loop`, `part`, `rom` ..."""
    size_bytes: int
    """0 for a reader without a card."""
    model: str = ""
    serial: str = ""
    transport: str = ""
    """`usb`, `mmc`, `emmc`, `sata`, `nvme` ...; empty where there is none, as for a loop device."""
    removable: bool = False
    read_only: bool = False
    place: str = ""
    """Where it is plugged in, such as `0000:00:14.0-usb2-1.2:0` (controller, bus, port, which of a reader's slots),
    `mmc0`, `loop3`."""
    sequence: int = 0
    """The kernel's number for this very card in this very place; 0 from kernels before 5.15."""
    uses: tuple[str, ...] = ()
    """Everything that uses it or a part of it, in words."""

    @property
    def called(self) -> str:
        """Model and serial number, as far as it has them."""
        return " ".join(filter(None, (self.model, self.serial))) or "no name"


def disks(*, sysfs: Path = Path("/sys")) -> tuple[Disk, ...]:
    """All disks that the kernel knows, empty readers too.

    Raises:
        SatchelError: lsblk is missing or fails.
    """
    text = run(("lsblk", "--json", "--bytes", "--all", "--output", _COLUMNS), why="look for disks")
    return disks_in(text, sysfs=sysfs)


def disks_in(text: str, *, sysfs: Path) -> tuple[Disk, ...]:
    """The disks in what lsblk says."""
    return tuple(_disk(node, sysfs) for node in json.loads(text)["blockdevices"])


def number_of(path: Path) -> str | None:
    """The number of the device that a path leads to; none if that is no block device."""
    facts = path.stat()
    if not stat.S_ISBLK(facts.st_mode):
        return None
    return f"{os.major(facts.st_rdev)}:{os.minor(facts.st_rdev)}"


def place_of(device: Path) -> str:
    """Where a device is plugged in, from its directory in sysfs without links.

    The kernel numbers USB buses in the order in which it finds them, which is another one after another start. So a bus
    is called by its controller and by its speed: one controller has a bus for each.
    """
    ports = [match[1] for part in device.parts if (match := _USB.fullmatch(part))]
    bus = next((number for number, part in enumerate(device.parts) if _BUS.fullmatch(part)), 0)
    if ports and bus:
        luns = [match[1] for part in device.parts if (match := _LUN.fullmatch(part))]
        version = _read(Path(*device.parts[: bus + 1], "version")).partition(".")[0]
        return f"{device.parts[bus - 1]}-usb{version}-{ports[-1]}:{luns[-1] if luns else 0}"
    named = [part for part in device.parts if _PORT.fullmatch(part)]
    return named[-1] if named else device.name


def _disk(node: dict[str, Any], sysfs: Path) -> Disk:
    number = str(node["maj:min"])
    device = (sysfs / "dev/block" / number).resolve()
    transport = _transport(device, node["tran"] or "")
    return Disk(
        path=Path(node["path"]),
        number=number,
        kind=node["type"],
        size_bytes=int(node["size"] or 0),
        model=" ".join(filter(None, ((node["vendor"] or "").strip(), (node["model"] or "").strip()))),
        serial=(node["serial"] or _read(device / "device/cid") or "").strip(),
        transport=transport,
        # For lsblk everything on MMC can be pulled out.
        removable=bool(node["rm"] or node["hotplug"]) and transport != "emmc",
        read_only=bool(node["ro"]),
        place=place_of(device),
        sequence=int(_read(device / "diskseq") or 0),
        uses=tuple(dict.fromkeys(_uses(node, whole=True))),
    )


def _transport(device: Path, named: str) -> str:
    """Lsblk calls a card and a chip that is soldered in by one name; the kernel does not."""
    if named != "mmc" and not any(part.startswith("mmc") for part in device.parts):
        return named
    return "emmc" if _read(device / "device/type") == "MMC" else "mmc"


def _uses(node: dict[str, Any], *, whole: bool) -> Iterator[str]:
    for mount in filter(None, node.get("mountpoints") or ()):
        match mount:
            case "[SWAP]":
                yield "swap"
            case "/":
                yield "the running system"
            case _:
                yield f"mounted at {mount}"
    if part := _part_of(node.get("fstype") or ""):
        yield f"part of {part}"
    if not whole and node["type"] != "part":
        yield f"{node['type']} {node['name']}"
    for child in node.get("children") or ():
        yield from _uses(child, whole=False)


def _part_of(kind: str) -> str:
    """Of what larger thing a file-system type of lsblk means a part, whether that is switched on or not."""
    if kind in _NAMED:
        return _NAMED[kind]
    return "a RAID" if kind.endswith("_raid_member") else kind if kind in _OTHERS else ""


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="ascii", errors="replace").strip()
    except OSError:
        return ""
