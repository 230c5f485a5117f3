"""The texts: boot entries, the sfdisk script, the block map and the seek table."""

from __future__ import annotations

import hashlib
import re
import struct
from pathlib import Path
from uuid import UUID
from xml.etree import ElementTree as ET

from builder.disk.blockmap import block_map
from builder.disk.bootloader import entry_conf, esp_files, grub_cfg, kernel_options, loader_conf
from builder.disk.extents import Extent
from builder.disk.publish import Range
from builder.disk.seekable import seek_table
from builder.disk.table import sfdisk_script
from builder.plan.layout import plan_layout
from builder.recipe.disk import Disk
from builder.recipe.software import Architecture

OPTIONS = "root=UUID=0ff1ce rootflags=subvol=@ rw quiet"


def test_the_kernel_is_told_where_its_root_is() -> None:
    assert kernel_options(root="UUID=0ff1ce", subvolume="@", cmdline=("rw", "quiet")) == OPTIONS
    assert kernel_options(root="UUID=0ff1ce", subvolume=None, cmdline=()) == "root=UUID=0ff1ce"


def test_the_kernel_is_told_which_disk_has_no_ids_of_its_own_yet() -> None:
    options = kernel_options(root="/dev/satchel/root", subvolume=None, cmdline=("rw",), image=UUID(int=0xABC))
    assert options == "root=/dev/satchel/root rw satchel.image=00000000-0000-0000-0000-000000000ABC"


def test_both_loaders_start_the_same_kernel() -> None:
    entry, menu = entry_conf(title="Kolibri", options=OPTIONS), grub_cfg(title="Kolibri", options=OPTIONS)
    assert entry == "title Kolibri\nlinux /satchel/vmlinuz\ninitrd /satchel/initrd.img\n" + f"options {OPTIONS}\n"
    assert f"  probe --set=esp --part-uuid $root\n  linux /satchel/vmlinuz {OPTIONS} satchel.esp=$esp\n" in menu
    assert "initrd /satchel/initrd.img\n" in menu
    assert "timeout 2\n" in loader_conf()
    assert "timeout=2\n" in menu


def test_a_title_cannot_break_out_of_the_menu() -> None:
    assert 'menuentry "a } ; halt" {\n' in grub_cfg(title='a" } ; halt\\', options=OPTIONS)


def test_the_esp_has_what_each_firmware_needs() -> None:
    def files(*firmware: str, architecture: Architecture = Architecture.AMD64) -> set[str]:
        path = Path("x")
        made = esp_files(
            title="t",
            options=OPTIONS,
            kernel=path,
            initrd=path,
            architecture=architecture,
            systemd_boot=path,
            firmware=firmware,
        )
        return set(made)

    both = {"satchel/vmlinuz", "satchel/initrd.img"}
    uefi = {"EFI/BOOT/BOOTX64.EFI", "loader/loader.conf", "loader/entries/satchel.conf"}
    assert files("uefi") == both | uefi
    assert files("bios") == both | {"grub/grub.cfg"}
    assert files("uefi", "bios") == both | uefi | {"grub/grub.cfg"}
    other = uefi - {"EFI/BOOT/BOOTX64.EFI"} | {"EFI/BOOT/BOOTAA64.EFI"}
    assert files("uefi", architecture=Architecture.ARM64) == both | other


def test_the_script_for_sfdisk_leaves_nothing_to_decide() -> None:
    disk = Disk.model_validate({"partitions": [{"name": "esp", "type": "esp", "size": "64MiB", "filesystem": "vfat"}]})
    layout = plan_layout(disk, needed={}, seed=UUID(int=7))
    # 68 MiB up to the partition's end, and one aligned piece of 4 MiB for the backup table: 147,456 sectors.
    assert sfdisk_script(layout) == (
        f"label: gpt\nlabel-id: {str(layout.disk_guid).upper()}\nunit: sectors\nfirst-lba: 34\nlast-lba: 147422\n"
        "sector-size: 512\n\n"
        "1 : start=8192, size=131072, type=C12A7328-F81F-11D2-BA4B-00A0C93EC93B, "
        f'uuid={str(layout.partitions[0].guid).upper()}, name="esp"\n'
    )


def test_a_block_map_says_which_blocks_matter_and_proves_itself() -> None:
    ranges = (
        Range(extent=Extent(0, 4096), sha256="a" * 64),
        Range(extent=Extent(8192, 3 * 4096), sha256="b" * 64),
        Range(extent=Extent(40960, 100), sha256="c" * 64),
    )
    text = block_map(ranges, image_bytes=41060)
    root = ET.fromstring(text)
    facts = {child.tag: (child.text or "").strip() for child in root if child.tag != "BlockMap"}
    own = facts.pop("BmapFileChecksum")
    assert facts == {
        "ImageSize": "41060",
        "BlockSize": "4096",
        "BlocksCount": "11",
        "MappedBlocksCount": "5",
        "ChecksumType": "sha256",
    }
    found = [((span.text or "").strip(), span.get("chksum")) for span in root.iter("Range")]
    assert found == [("0", "a" * 64), ("2-4", "b" * 64), ("10", "c" * 64)]
    zeroed = re.sub(own, "0" * 64, text)
    assert own == hashlib.sha256(zeroed.encode()).hexdigest()


def test_a_seek_table_is_a_skippable_frame() -> None:
    table = seek_table([(10, 100), (20, 50)])
    assert table == struct.pack("<IIIIIIIBI", 0x184D2A5E, 25, 10, 100, 20, 50, 2, 0, 0x8F92EAB1)
