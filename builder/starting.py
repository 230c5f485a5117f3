"""What starts the finished tree: the boot loader's files, and those that the boards of a recipe read before it."""

from __future__ import annotations

import re
from pathlib import Path

from builder.disk.bootloader import INITRD, KERNEL, esp_files, kernel_options, systemd_boot
from builder.disk.raspberry_pi import CMDLINE, CONFIG, FIRMWARE, config_txt, firmware_files, without_slot
from builder.errors import BuildFailed
from builder.host.tools import ARCHITECTURE, Tools
from builder.layers.system import mount_source
from builder.plan.layout import Layout
from builder.recipe.disk import Partition
from builder.recipe.model import Recipe


def boot_files(recipe: Recipe, layout: Layout, tree: Path, tools: Tools) -> dict[str, Path | bytes]:
    """The files that start the tree, by their paths in the EFI system partition.

    Raises:
        BuildFailed: the tree has no kernel, or lacks something that a board of the recipe needs.
    """
    root, subvolume = _root_of(recipe)
    disk = recipe.disk
    architecture = recipe.base.architecture
    foreign = architecture != ARCHITECTURE
    options = kernel_options(
        root=mount_source(disk, root, layout.partition(root.name).filesystem_uuid),
        subvolume=subvolume,
        cmdline=disk.cmdline,
        image=layout.disk_guid if disk.own_ids else None,
    )
    files = esp_files(
        title=recipe.description,
        options=options,
        kernel=_newest(tree / "boot", "vmlinuz-"),
        initrd=_newest(tree / "boot", "initrd.img-"),
        architecture=architecture,
        systemd_boot=(tree if foreign else tools.tree) / systemd_boot(architecture),
        firmware=disk.boot,
    )
    return {**files, **_raspberry_pi(recipe, tree, options)} if "raspberry-pi" in disk.boot else files


def _raspberry_pi(recipe: Recipe, tree: Path, options: str) -> dict[str, Path | bytes]:
    """What the boards read besides kernel and initrd.

    Raises:
        BuildFailed: the tree, or its kernel, lacks something that a board of the recipe needs.
    """
    version = _newest(tree / "boot", "vmlinuz-").name.removeprefix("vmlinuz-")
    asked = recipe.disk.raspberry_pi
    found = firmware_files(
        asked.boards,
        firmware=tree / FIRMWARE,
        device_trees=tree / f"usr/lib/linux-image-{version}/broadcom",
    )
    for name, path in found.items():
        if not path.is_file():
            raise BuildFailed(
                f"no {name} for the boards of the recipe: the tree has no /{path.relative_to(tree)}",
                hint="name raspi-firmware and linux-image-arm64 in packages.apt",
            )
    if lost := without_slot(asked.boards, _kernel_config(tree, version)):
        raise BuildFailed(
            f"Linux {version} has no driver for the card slot of: {', '.join(lost)}",
            hint="take a newer linux-image-arm64 (base.backports), or leave them out of disk.raspberry_pi.boards",
        )
    config = config_txt(asked.config, kernel=KERNEL, initrd=INITRD)
    return {**found, CONFIG: config.encode(), CMDLINE: f"{options}\n".encode()}


def _kernel_config(tree: Path, version: str) -> str:
    # Debian moved it between Linux 6.12 and 7.3.
    places = (tree / f"boot/config-{version}", tree / f"usr/lib/modules/{version}/config")
    return next((place.read_text() for place in places if place.is_file()), "")


def _root_of(recipe: Recipe) -> tuple[Partition, str | None]:
    """The partition with the root directory, and the subvolume; the recipe's rules made sure that there is one."""
    for partition in recipe.disk.partitions:
        if partition.mount == "/":
            return partition, None
        for subvolume in partition.subvolumes:
            if subvolume.mount == "/":
                return partition, subvolume.name
    raise AssertionError


def _newest(directory: Path, prefix: str) -> Path:
    found = sorted(directory.glob(f"{prefix}*"), key=_version)
    if not found:
        raise BuildFailed(
            f"the tree has no /boot/{prefix}*", hint="name a kernel in packages.apt, such as linux-image-amd64"
        )
    return found[-1]


def _version(path: Path) -> list[tuple[int, str]]:
    """6.12.100 is newer than 6.12.9."""
    return [(int(part) if part.isdigit() else -1, part) for part in re.split(r"(\d+)", path.name)]
