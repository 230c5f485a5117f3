"""GRUB for legacy BIOS on a plain file: the MBR's boot code and the core, patched as grub-bios-setup does.

grub-install and grub-bios-setup want block devices and root. All they change are a few numbers that say where the next
sectors lie, and those are known from the layout. Offsets are from GRUB 2.12's include/grub/i386/pc/boot.h and
util/setup.c.
"""

from __future__ import annotations

import struct
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from builder.errors import BuildFailed
from builder.host.sandbox import Mount
from builder.host.tools import WORK, Tools
from builder.plan.layout import PlacedPartition
from builder.units import SECTOR, format_size

MODULES: Final = (
    *("biosdisk", "part_gpt", "fat", "normal", "linux", "configfile", "echo", "probe", "test", "reboot", "halt"),
)
"""Enough to read the menu on the ESP and to start Linux; the core has no other place to load modules from."""

BOOT_CODE_BYTES: Final = 440
"""What of the first sector is code; the disk signature and the protective MBR's table follow."""

_IMAGES: Final = "usr/lib/grub/i386-pc"
_KERNEL_SECTOR, _DRIVE_CHECK, _JUMP_BYTES = 0x5C, 0x66, 2
_BLOCK_LIST: Final = 0x1F4
_LOAD_SEGMENT: Final = 0x820
_NOP: Final = b"\x90"


def boot_code(boot_img: bytes, *, core_lba: int) -> bytes:
    """The 440 bytes for the MBR that load the first sector of the core from `core_lba`.

    The jump that skips the drive check becomes two no-ops, so that a BIOS which passes the drive's number wrongly is
    corrected: what grub-bios-setup does for every hard disk.

    Raises:
        BuildFailed: these are not the bytes of GRUB's boot.img.
    """
    if len(boot_img) != SECTOR or boot_img[:1] != b"\xeb" or boot_img[_DRIVE_CHECK : _DRIVE_CHECK + 1] != b"\xeb":
        raise BuildFailed("the workshop has a boot.img that is not the one of GRUB 2")
    patched = bytearray(boot_img[:BOOT_CODE_BYTES])
    struct.pack_into("<Q", patched, _KERNEL_SECTOR, core_lba)
    patched[_DRIVE_CHECK : _DRIVE_CHECK + _JUMP_BYTES] = _NOP * _JUMP_BYTES
    return bytes(patched)


def placed_core(core: bytes, *, core_lba: int) -> bytes:
    """The core image, whole sectors, whose first sector loads the rest from where it will lie.

    Raises:
        BuildFailed: this is not a core image for a BIOS.
    """
    if len(core) <= SECTOR or struct.unpack_from("<H", core, _BLOCK_LIST + 10)[0] != _LOAD_SEGMENT:
        raise BuildFailed("grub-mkimage made something that is not a core image for a BIOS")
    patched = bytearray(core.ljust(-(-len(core) // SECTOR) * SECTOR, b"\0"))
    sectors = len(patched) // SECTOR - 1
    struct.pack_into("<QHH", patched, _BLOCK_LIST, core_lba + 1, sectors, _LOAD_SEGMENT)
    return bytes(patched)


def boot_code_for(tools: Tools, partition: PlacedPartition) -> bytes:
    """The 440 bytes for the MBR that start what `make_bios_boot` makes for this partition.

    Raises:
        BuildFailed: the workshop has no boot.img of GRUB 2.
    """
    return boot_code((tools.tree / _IMAGES / "boot.img").read_bytes(), core_lba=_core_lba(partition))


def make_bios_boot(tools: Tools, partition: PlacedPartition, *, esp: PlacedPartition, out: Path) -> None:
    """Make `out`, the content of the BIOS boot partition.

    Raises:
        BuildFailed: the core is larger than the partition.
        CommandFailed: grub-mkimage failed.
    """
    with TemporaryDirectory(dir=out.parent) as scratch:
        # A prefix without a drive means the drive that the BIOS started from, whatever its number is.
        argv = ("grub-mkimage", "-O", "i386-pc", "-p", f"(,gpt{esp.number})/grub", "-o", f"{WORK}/out/core.img")
        sandbox = tools.sandbox(Mount(target=f"{WORK}/out", source=Path(scratch), writable=True))
        sandbox.run((*argv, *MODULES), why="make GRUB's core for legacy BIOS")
        core = placed_core(Path(scratch, "core.img").read_bytes(), core_lba=_core_lba(partition))
    if len(core) > partition.size_bytes:
        raise BuildFailed(
            f"partition {partition.name} has {format_size(partition.size_bytes)}, "
            f"but GRUB's core needs {format_size(len(core))}",
            hint=f"give partition {partition.name} 1MiB or more",
        )
    with out.open("wb") as file:
        file.write(core)
        file.truncate(partition.size_bytes)


def _core_lba(partition: PlacedPartition) -> int:
    """The sector of the disk where the core begins."""
    return partition.start_bytes // SECTOR
