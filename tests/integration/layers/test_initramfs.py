"""What the initramfs of the default image can start from."""

import re

import pytest

from builder.growth import plan_growth
from builder.host.places import OVERLAYS, RECIPES
from builder.host.sandbox import Sandbox
from builder.host.store import Store
from builder.host.tools import workshop_identity
from builder.lock.text import read_lock
from builder.recipe.load import load_recipe

DISKS = {"ahci", "nvme", "sd_mod", "usb-storage", "uas", "mmc_block", "sdhci-pci", "virtio_blk", "virtio_scsi", "btrfs"}
KEYBOARDS = {"usbhid", "hid-generic"}
NETWORK_CARDS = {"e1000e", "igb", "ixgbe", "r8169", "tg3", "bnxt_en", "mlx5_core", "virtio_net"}


@pytest.mark.in_namespace
@pytest.mark.usefixtures("default_image")
def test_the_initramfs_knows_disks_and_keyboards_but_no_network_cards() -> None:
    loaded, lock = load_recipe(RECIPES / "kolibri-pc.yml"), read_lock(RECIPES / "kolibri-pc.lock")
    assert lock is not None
    growth = plan_growth(loaded, lock, overlays=OVERLAYS, foundation=workshop_identity(lock.tools))
    with Store("layers").scratch("test") as scratch, growth.tree(scratch) as tree:
        (initramfs,) = (tree / "boot").glob("initrd.img-*")
        listed = Sandbox(root=tree).run(("lsinitramfs", f"/boot/{initramfs.name}"), why="list the initramfs")
        modules = {path.name.partition(".")[0] for path in (tree / "usr/lib/modules").rglob("*.ko*")}
    inside = set(re.findall(r"/([^/]+)\.ko(?:\.\w+)?$", listed, re.MULTILINE))
    assert modules >= NETWORK_CARDS, "the names of network cards' drivers are those of this kernel"
    assert inside >= DISKS | KEYBOARDS
    assert not inside & NETWORK_CARDS
