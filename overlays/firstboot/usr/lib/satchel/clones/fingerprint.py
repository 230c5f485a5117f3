"""The machine around the disk, as far as it can be told apart from others of its make.

Three parts: the board (DMI or device tree), the disk that holds the root file system, and the network cards. Each holds
digests by the place that told something; what makers write where they have nothing to say counts as nothing. Digests
and not serial numbers, because comparing needs no more, and a file that support asks for or a stolen card gives away
should not identify somebody's laptop to its vendor. The salt keeps the digests of two devices from being compared.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import re
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from device import mounts
from device.paths import Paths

PARTS = ("board", "disk", "network")

_JUNK = re.compile(
    r"[\W_]*|[0f\W_]+|x+|0?123456789(abcdef|0)?|to be filled by .*|default( string)?|system (serial number|version)"
    r"|not (specified|applicable|available|set|present)|unknown|undefined|none|n/?a|null|empty|invalid|oem.*|serial"
    r"|(base board|board|chassis) serial.*|qm0\d{4}|03000200-0400-0500-0006-000700080009"
    r"|fefefefe-fefe-fefe-fefe-fefefefefefe"
)
"""What makers and emulators write where a number should be, in small letters; the UUIDs are those of whole series."""

_PERMANENT = 0
"""The kernel's `addr_assign_type` of an address that the card itself brought (include/uapi/linux/netdevice.h)."""
_ETHERNET = "1"
_LOCALLY_ADMINISTERED = 0b10
_MULTICAST = 0b01
_VPD_HEADER = struct.Struct(">BBH")

Part = dict[str, list[str]]
"""Digests by the place that told them: one, but for the network cards, which share a place."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fingerprint:
    """What is known of a machine; a part of which nothing is known is empty."""

    board: Part
    disk: Part
    network: Part

    def part(self, name: str) -> Part:
        """A part by its name."""
        parts = {"board": self.board, "disk": self.disk, "network": self.network}
        return parts[name]


def read(paths: Paths, salt: bytes) -> Fingerprint:
    """The machine that this runs on."""

    def digests(told: Iterator[tuple[str, str]]) -> Part:
        return {place: [_digest(salt, value)] for place, value in told if known(value)}

    addresses = [_digest(salt, address) for address in _addresses(paths.at("/sys/class/net"))]
    return Fingerprint(
        board=digests(_board(paths)),
        disk=digests(_disk(paths)),
        network={"address": addresses} if addresses else {},
    )


def known(value: str) -> bool:
    """Whether a value tells machines apart."""
    return not _JUNK.fullmatch(value.strip().lower())


def _digest(salt: bytes, value: str) -> str:
    return hmac.new(salt, value.strip().lower().encode(), hashlib.sha256).hexdigest()[:32]


def _board(paths: Paths) -> Iterator[tuple[str, str]]:
    for name in ("product_uuid", "product_serial", "board_serial"):
        yield name, _text(paths.at(f"/sys/class/dmi/id/{name}"))
    yield "device-tree", _text(paths.at("/sys/firmware/devicetree/base/serial-number"))


def _disk(paths: Paths) -> Iterator[tuple[str, str]]:
    root = mounts.mounted_at(mounts.read(paths.mountinfo), "/")
    if root is None:
        return
    try:
        place = (paths.at("/sys/dev/block") / mounts.device_number(root)).resolve(strict=True)
    except OSError:
        return
    disk = place.parent if (place / "partition").is_file() else place
    for name in ("serial", "device/serial", "device/cid", "wwid", "device/wwid"):
        yield name, _text(disk / name)
    yield "vpd", _unit_serial(disk / "device/vpd_pg80")


def _unit_serial(path: Path) -> str:
    """The serial number of an ATA or SCSI disk (SPC-4, vital product data page 80h)."""
    try:
        page = path.read_bytes()
    except OSError:
        return ""
    return page[_VPD_HEADER.size :].decode("ascii", "replace")


def _addresses(cards: Path) -> list[str]:
    """Addresses that makers gave to the network cards: of the wired ones, else of the wireless ones.

    All of them, because which one is the first is decided by chance.
    """
    if not cards.is_dir():
        return []
    # Without a device it is a bridge, a tunnel or a container's; with one of its own making, it may change at any boot.
    real = [card for card in sorted(cards.iterdir()) if (card / "device").exists() and _is_permanent(card)]
    wired = [card for card in real if not (card / "wireless").exists() and not (card / "phy80211").exists()]
    found = [[address for card in cards if _is_makers(address := _text(card / "address"))] for cards in (wired, real)]
    return found[0] or found[1]


def _is_permanent(card: Path) -> bool:
    return _text(card / "type") == _ETHERNET and _text(card / "addr_assign_type") in {"", str(_PERMANENT)}


def _is_makers(address: str) -> bool:
    try:
        octets = bytes.fromhex(address.replace(":", ""))
    except ValueError:
        return False
    return len(octets) == 6 and known(address) and not octets[0] & (_LOCALLY_ADMINISTERED | _MULTICAST)


def _text(path: Path) -> str:
    """A text of the kernel; nothing when it has none, or does not give it."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return ""
    try:
        return os.read(descriptor, 4096).decode("utf-8", "replace").strip("\0 \t\r\n")
    except OSError:
        return ""
    finally:
        os.close(descriptor)
