"""What the boot ROM and the firmware of a Raspberry Pi find."""

from __future__ import annotations

import struct
from pathlib import Path
from uuid import UUID

import pytest

from builder.disk.hybrid import hybrid_entries
from builder.disk.raspberry_pi import Start, config_txt, firmware_files, start_of, without_slot
from builder.plan.layout import plan_layout
from builder.recipe.disk import Board, Disk
from builder.units import MIB, SECTOR

DISK = {
    "boot": ["raspberry-pi"],
    "partitions": [
        {"name": "firmware", "type": "esp", "size": "512MiB", "filesystem": "vfat"},
        {"name": "root", "size": "2GiB", "filesystem": "btrfs"},
    ],
}


def test_the_mbr_shows_the_firmware_first_and_that_a_gpt_counts() -> None:
    layout = plan_layout(Disk.model_validate(DISK), needed={}, seed=UUID(int=7))
    assert layout.in_mbr == "firmware"
    entries = hybrid_entries(layout, layout.partition("firmware"))
    assert len(entries) == 64
    first, second = (struct.unpack_from("<B3sB3sII", entries, at) for at in (0, 16))
    assert (first[0], first[2], first[4] * SECTOR, first[5] * SECTOR) == (0, 0x0C, 4 * MIB, 512 * MIB)
    assert (second[0], second[2], second[4], second[5]) == (0, 0xEE, 1, 4 * MIB // SECTOR - 1)
    assert entries[32:] == bytes(32)


def test_cylinders_are_those_of_fdisk() -> None:
    layout = plan_layout(Disk.model_validate(DISK), needed={}, seed=UUID(int=7))
    first = hybrid_entries(layout, layout.partition("firmware"))[:16]
    # sfdisk 2.38.1: `8192,1048576,c` in a DOS label.
    assert first.hex() == "00820300" + "0cc70641" + "00200000" + "00001000"


def test_other_disks_have_no_hybrid_mbr() -> None:
    disk = Disk.model_validate({**DISK, "boot": ["uefi"]})
    assert plan_layout(disk, needed={}, seed=UUID(int=7)).in_mbr is None


@pytest.mark.parametrize(
    ("board", "names"),
    [
        (Board.PI_3, {"bootcode.bin", "start.elf", "fixup.dat", "satchel/bcm2837-rpi-3-b.dtb"}),
        (Board.ZERO_2_W, {"bootcode.bin", "start.elf", "fixup.dat", "satchel/bcm2837-rpi-zero-2-w.dtb"}),
        (Board.PI_4, {"start4.elf", "fixup4.dat", "satchel/bcm2711-rpi-4-b.dtb"}),
        (Board.PI_400, {"start4.elf", "fixup4.dat", "satchel/bcm2711-rpi-400.dtb"}),
        (Board.PI_5, {"satchel/bcm2712-rpi-5-b.dtb"}),
    ],
)
def test_each_board_gets_its_firmware_and_its_device_tree(board: Board, names: set[str]) -> None:
    files = firmware_files([board], firmware=Path("firmware"), device_trees=Path("trees"))
    assert names <= files.keys()
    assert {path.parent for name, path in files.items() if name.endswith(".dtb")} == {Path("trees")}
    assert {path.parent for name, path in files.items() if not name.endswith(".dtb")} <= {Path("firmware")}


@pytest.mark.parametrize(
    ("config", "lost"),
    [
        ("CONFIG_MMC_BCM2835=m\nCONFIG_MMC_SDHCI_IPROC=y\nCONFIG_MMC_SDHCI_BRCMSTB=m\n", ()),
        # Debian's Linux 6.12.118.
        ("CONFIG_MMC_BCM2835=m\nCONFIG_MMC_SDHCI_IPROC=m\n# CONFIG_MMC_SDHCI_BRCMSTB is not set\n", (Board.PI_5,)),
        ("", tuple(Board)),
    ],
)
def test_a_kernel_that_would_not_find_the_card_is_told(config: str, lost: tuple[Board, ...]) -> None:
    assert without_slot(tuple(Board), config) == lost


def test_the_settings_start_the_kernel_that_updates_replace() -> None:
    text = config_txt(("hdmi_force_hotplug=1",), kernel="satchel/vmlinuz", initrd="satchel/initrd.img")
    lines = text.splitlines()
    assert "os_prefix=satchel/" in lines
    assert "kernel=vmlinuz" in lines
    assert "initramfs initrd.img followkernel" in lines
    assert lines[-1] == "hdmi_force_hotplug=1"


def test_what_a_board_starts_is_what_config_txt_names() -> None:
    config = config_txt((), kernel="satchel/vmlinuz", initrd="satchel/initrd.img")
    assert start_of(config, Board.PI_4) == Start(
        kernel="satchel/vmlinuz",
        initrd="satchel/initrd.img",
        command_line="satchel/cmdline.txt",
        device_trees=("satchel/bcm2711-rpi-4-b.dtb",),
    )


@pytest.mark.parametrize(
    ("config", "kernel"),
    [
        ("", "kernel8.img"),
        ("kernel=a  # ours\n", "a"),
        ("#kernel=a\n", "kernel8.img"),
        ("[pi5]\nkernel=a\n[all]\nos_prefix=b/\n", "b/kernel8.img"),
        ("[PI02]\nkernel=a\n", "a"),
        ("[EDID=x]\nkernel=a\n", "kernel8.img"),
    ],
)
def test_sections_for_other_boards_do_not_count(config: str, kernel: str) -> None:
    assert start_of(config, Board.ZERO_2_W).kernel == kernel
