"""What a Raspberry Pi reads from the first FAT partition: firmware of each board, settings, what they start. Pure.

Sources: the Raspberry Pi documentation ("Boot folder contents", "config.txt", "Boot sequence") and the hooks of
Debian's raspi-firmware, whose kernels bring device trees under upstream's names.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from builder.recipe.disk import Board

PREFIX: Final = "satchel/"
"""Where kernel, initrd, command line and device trees lie: config.txt's os_prefix."""

CONFIG: Final = "config.txt"
CMDLINE: Final = f"{PREFIX}cmdline.txt"

FIRMWARE: Final = "usr/lib/raspi-firmware"
"""Where Debian's package raspi-firmware keeps the boards' firmware."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BoardFiles:
    """What one board needs, besides what all do."""

    firmware: tuple[str, ...]
    """In the root of the partition; a board whose firmware is in its own flash needs none."""
    device_trees: tuple[str, ...]
    """Below PREFIX; the firmware takes the one of its revision."""
    slot_driver: str
    """The option of the kernel without which it does not find the card."""


_FIRST: Final = ("bootcode.bin", "start.elf", "fixup.dat")
_SECOND: Final = ("start4.elf", "fixup4.dat")

BOARDS: Final = {
    Board.PI_3: BoardFiles(
        firmware=_FIRST,
        device_trees=("bcm2837-rpi-3-b.dtb", "bcm2837-rpi-3-b-plus.dtb", "bcm2837-rpi-3-a-plus.dtb"),
        slot_driver="MMC_BCM2835",
    ),
    Board.ZERO_2_W: BoardFiles(firmware=_FIRST, device_trees=("bcm2837-rpi-zero-2-w.dtb",), slot_driver="MMC_BCM2835"),
    Board.PI_4: BoardFiles(firmware=_SECOND, device_trees=("bcm2711-rpi-4-b.dtb",), slot_driver="MMC_SDHCI_IPROC"),
    Board.PI_400: BoardFiles(firmware=_SECOND, device_trees=("bcm2711-rpi-400.dtb",), slot_driver="MMC_SDHCI_IPROC"),
    # Its firmware is in a chip on the board.
    Board.PI_5: BoardFiles(firmware=(), device_trees=("bcm2712-rpi-5-b.dtb",), slot_driver="MMC_SDHCI_BRCMSTB"),
}


_FILTERS: Final = {
    Board.PI_3: {"pi3"},
    Board.ZERO_2_W: {"pi0", "pi02"},
    Board.PI_4: {"pi4"},
    Board.PI_400: {"pi4", "pi400"},
    Board.PI_5: {"pi5"},
}
"""The sections of config.txt that count for a board besides `[all]`; all others depend on what is plugged in."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Start:
    """What the firmware of a board loads, as paths on the partition."""

    kernel: str
    initrd: str
    command_line: str
    device_trees: tuple[str, ...]
    """One for each revision of the board."""


def start_of(config: str, board: Board) -> Start:
    """What the firmware of a board would load by a config.txt; what that says nothing about has the firmware's names.

    Source: the Raspberry Pi documentation, "config.txt" (os_prefix, kernel, initramfs, cmdline, conditional filters).
    """
    said = {"os_prefix": "", "kernel": "kernel8.img", "cmdline": "cmdline.txt", "initramfs": ""}
    counts = True
    for line in (line.partition("#")[0].strip() for line in config.splitlines()):
        if line.startswith("["):
            counts = line.strip("[]").lower() in {"all", *_FILTERS[board]}
        elif counts and line.startswith("initramfs "):
            said["initramfs"] = line.split()[1]
        elif counts and "=" in line:
            key, _, value = line.partition("=")
            said[key.strip()] = value.strip()
    prefix = said["os_prefix"]
    return Start(
        kernel=prefix + said["kernel"],
        initrd=prefix + said["initramfs"],
        command_line=prefix + said["cmdline"],
        device_trees=tuple(prefix + name for name in BOARDS[board].device_trees),
    )


def config_txt(further: Sequence[str], *, kernel: str, initrd: str) -> str:
    """The settings: Debian's kernel and initrd, in 64-bit mode, with a serial console, and the recipe's own lines."""
    lines = [
        "# Made by Satchel; what a recipe adds stands at the end (disk.raspberry_pi.config).",
        "arm_64bit=1",
        # Device trees have the names that Linux itself gives them.
        "upstream_kernel=1",
        f"os_prefix={PREFIX}",
        f"kernel={kernel.removeprefix(PREFIX)}",
        f"initramfs {initrd.removeprefix(PREFIX)} followkernel",
        "enable_uart=1",
        *further,
    ]
    return "\n".join(lines) + "\n"


def without_slot(boards: Iterable[Board], kernel_config: str) -> tuple[Board, ...]:
    """The boards on which a kernel with this configuration would not find its card."""
    built = set(kernel_config.splitlines())
    return tuple(board for board in boards if not {f"CONFIG_{BOARDS[board].slot_driver}={how}" for how in "ym"} & built)


def firmware_files(boards: Iterable[Board], *, firmware: Path, device_trees: Path) -> dict[str, Path]:
    """The files of the boards by their path on the partition.

    Args:
        boards: Those that the image is for.
        firmware: The directory with the boards' firmware.
        device_trees: The directory with the kernel's device trees.
    """
    needed = [BOARDS[board] for board in boards]
    return {
        **{name: firmware / name for board in needed for name in board.firmware},
        **{f"{PREFIX}{name}": device_trees / name for board in needed for name in board.device_trees},
    }
