"""What the boot loaders read from the ESP: their texts, and the list of all files there. Pure.

systemd-boot (UEFI) and GRUB (legacy BIOS) start the same kernel and initrd from the same place, so that a kernel update
on the device has one place to go.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final
from uuid import UUID

from builder.recipe.software import Architecture

KERNEL: Final = "satchel/vmlinuz"
INITRD: Final = "satchel/initrd.img"
_EFI_NAMES: Final = {Architecture.AMD64: "x64", Architecture.ARM64: "aa64"}
"""Processors, as UEFI calls them."""

WAIT_S: Final = 2
"""How long a person can stop the boot. No device waits for an answer."""


def loader(architecture: Architecture) -> str:
    """Where UEFI looks for a boot loader on a medium that it was told nothing about."""
    return f"EFI/BOOT/BOOT{_EFI_NAMES[architecture].upper()}.EFI"


def systemd_boot(architecture: Architecture) -> str:
    """Where Debian's package systemd-boot-efi puts it."""
    return f"usr/lib/systemd/boot/efi/systemd-boot{_EFI_NAMES[architecture]}.efi"


def kernel_options(*, root: str, subvolume: str | None, cmdline: Sequence[str], image: UUID | None = None) -> str:
    """The kernel's command line: where the root is, and what the recipe adds.

    `image` is the GUID of the disk in the image, for devices that get ids of their own: a disk which still has it has
    none yet. (overlays/own-disk)
    """
    flags = (f"rootflags=subvol={subvolume}",) if subvolume else ()
    own_ids = (f"satchel.image={str(image).upper()}",) if image else ()
    return " ".join((f"root={root}", *flags, *cmdline, *own_ids))


def loader_conf() -> str:
    """systemd-boot's own settings (loader.conf(5)); nobody edits the command line without the disk in hand."""
    return f"default satchel.conf\ntimeout {WAIT_S}\neditor no\n"


def entry_conf(*, title: str, options: str) -> str:
    """The one boot entry (Boot Loader Specification, type 1)."""
    return f"title {title}\nlinux /{KERNEL}\ninitrd /{INITRD}\noptions {options}\n"


def grub_cfg(*, title: str, options: str) -> str:
    """GRUB's menu; its root is the ESP already, because its prefix is there.

    It tells the kernel which partition that was, as systemd-boot does through the firmware.
    """
    safe = title.replace("\\", "").replace('"', "")
    return (
        f'set timeout={WAIT_S}\nset default=0\nmenuentry "{safe}" {{\n'
        f'  echo "Loading {safe} ..."\n  probe --set=esp --part-uuid $root\n'
        f"  linux /{KERNEL} {options} satchel.esp=$esp\n  initrd /{INITRD}\n}}\n"
    )


def esp_files(
    *,
    title: str,
    options: str,
    kernel: Path,
    initrd: Path,
    architecture: Architecture,
    systemd_boot: Path,
    firmware: Sequence[str],
) -> dict[str, Path | bytes]:
    """Every file of the ESP by its path there: `firmware` is what the image boots on, `uefi` and `bios`."""
    files: dict[str, Path | bytes] = {KERNEL: kernel, INITRD: initrd}
    if "uefi" in firmware:
        files[loader(architecture)] = systemd_boot
        files["loader/loader.conf"] = loader_conf().encode()
        files["loader/entries/satchel.conf"] = entry_conf(title=title, options=options).encode()
    if "bios" in firmware:
        files["grub/grub.cfg"] = grub_cfg(title=title, options=options).encode()
    return files
