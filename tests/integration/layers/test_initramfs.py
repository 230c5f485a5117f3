"""What the initramfs of the default image can start from."""

import re

import pytest

from builder.host.sandbox import Sandbox
from tests.integration.default_tree import default_tree

DISKS = {"ahci", "nvme", "sd_mod", "usb-storage", "uas", "mmc_block", "sdhci-pci", "virtio_blk", "virtio_scsi", "btrfs"}
KEYBOARDS = {"usbhid", "hid-generic"}
PROGRAMS = {"btrfs", "btrfstune", "fatlabel", "sfdisk", "tr", "tune2fs", "choose", "new-ids", "partitions", "boot-disk"}
NETWORK_CARDS = {"e1000e", "igb", "ixgbe", "r8169", "tg3", "bnxt_en", "mlx5_core", "virtio_net"}


@pytest.mark.in_namespace
@pytest.mark.usefixtures("default_image")
def test_the_initramfs_knows_disks_and_keyboards_but_no_network_cards_and_can_change_ids() -> None:
    with default_tree() as (_, tree):
        (initramfs,) = (tree / "boot").glob("initrd.img-*")
        listed = Sandbox(root=tree).run(("lsinitramfs", f"/boot/{initramfs.name}"), why="list the initramfs")
        modules = {path.name.partition(".")[0] for path in (tree / "usr/lib/modules").rglob("*.ko*")}
    assert {line.rpartition("/")[2] for line in listed.splitlines()} >= PROGRAMS
    inside = set(re.findall(r"/([^/]+)\.ko(?:\.\w+)?$", listed, re.MULTILINE))
    assert modules >= NETWORK_CARDS, "the names of network cards' drivers are those of this kernel"
    assert inside >= DISKS | KEYBOARDS
    assert not inside & NETWORK_CARDS
