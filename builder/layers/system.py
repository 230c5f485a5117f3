"""What ties the tree to its disk, and the last look: everything that only one machine may have is taken out.

An image carries no identity. Packages make some while they are installed (host keys, machine ids, logs), and the build
host leaves traces (its name, its resolver); this layer removes both, and the audit looks again.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from builder.host.places import remove_tree
from builder.layers.site import Layer, Site, code_digest
from builder.plan.keys import seed_of
from builder.plan.layout import filesystem_uuid
from builder.recipe.disk import Disk, FileSystem, Partition
from builder.recipe.model import Recipe

REMOVED: Final = (
    "etc/ssh/ssh_host_*_key*",
    "etc/hostname",
    "etc/resolv.conf",
    "etc/*-",
    "var/lib/dbus/machine-id",
    "var/lib/systemd/random-seed",
    "var/lib/systemd/credential.secret",
    "var/lib/dhcp/*",
    "var/cache/apt/*.bin",
    "var/cache/debconf/*-old",
    "var/cache/ldconfig/aux-cache",
    "root/.bash_history",
    "root/.cache",
    "tmp/*",
    "var/tmp/*",
)
"""Files that only one machine may have, or that nobody needs."""

PATIENCE: Final = "x-systemd.device-timeout=5min"
"""For slow computers. systemd gives up after 90 s; where that is fatal, with a shell for a root who cannot log in."""

MOUNT_POINTS_ON_BOOT: Final = ("proc", "sys", "dev", "run", "tmp")


@dataclass(frozen=True, slots=True, kw_only=True)
class SystemLayer(Layer):
    """Mount table and mount points, and no identity."""

    recipe: Recipe
    name: str = "system"

    def parts(self) -> Mapping[str, str]:
        """The mount table and the code that cleans."""
        return {"fstab": fstab(self.recipe), "code": code_digest(SystemLayer)}

    def build(self, site: Site) -> None:
        """Write, make, empty and remove."""
        tree = site.tree
        (tree / "etc/fstab").write_text(fstab(self.recipe))
        for mount in sorted(_mount_points(self.recipe)):
            (tree / mount.lstrip("/")).mkdir(parents=True, exist_ok=True)
        take_identity_out(tree)
        if (tree / "usr/lib/systemd/systemd-resolved").exists():
            (tree / "etc/resolv.conf").symlink_to("../run/systemd/resolve/stub-resolv.conf")
        if (tree / "usr/bin/dbus-daemon").exists():
            (tree / "var/lib/dbus").mkdir(parents=True, exist_ok=True)
            (tree / "var/lib/dbus/machine-id").symlink_to("/etc/machine-id")


def take_identity_out(tree: Path) -> None:
    """Remove and empty what only one machine may have."""
    for pattern in REMOVED:
        for path in _matching(tree, pattern):
            remove_tree(path)
    # systemd makes a machine id of its own where it finds an empty file.
    (tree / "etc/machine-id").write_bytes(b"")
    for log in (tree / "var/log").rglob("*"):
        if log.is_file():
            os.truncate(log, 0)


def _matching(tree: Path, pattern: str) -> tuple[Path, ...]:
    """Like `glob`, but it also finds links that lead nowhere, as those into /run do."""
    *parents, last = pattern.split("/")
    directories = tree.glob("/".join(parents)) if parents else (tree,)
    return tuple(path for directory in directories for path in sorted(directory.iterdir()) if path.match(last))


def fstab(recipe: Recipe) -> str:
    """The mount table."""
    lines = ["# Made by Satchel from the recipe's disk.", *_fstab_lines(recipe)]
    return "\n".join(lines) + "\n"


def _fstab_lines(recipe: Recipe) -> Iterator[str]:
    for partition in recipe.disk.partitions:
        source = mount_source(recipe.disk, partition, filesystem_uuid(partition, seed_of(recipe.name)))
        for mount, options in _mounts(partition):
            # The root file system is checked first, the others after it; btrfs and what is read-only never.
            checked = partition.filesystem is not FileSystem.BTRFS and "ro" not in options
            number = 0 if not checked else 1 if mount == "/" else 2
            joined = ",".join(options) or "defaults"
            yield f"{source} {mount} {partition.filesystem} {joined} 0 {number}"


def mount_source(disk: Disk, partition: Partition, uuid: str | None) -> str:
    """How the device finds a file system: by its UUID, or by its partition's name where UUIDs change on each device.

    The links below /dev/satchel are made by the overlay own-disk, for the disk that the device started from only.
    """
    return f"/dev/satchel/{partition.name}" if disk.own_ids else f"UUID={uuid}"


def _mounts(partition: Partition) -> Iterator[tuple[str, tuple[str, ...]]]:
    compress = (f"compress={partition.compress}",) if partition.compress else ()
    # A btrfs can come smaller than its partition out of mkfs.btrfs, when only compression makes the tree fit.
    if partition.mount:
        # A worn-out data partition must not leave a server waiting for a keyboard; what needs the mount requires it.
        patient = () if partition.mount == "/" else ("nofail", PATIENCE)
        grows = ("x-systemd.growfs",) if partition.filesystem is FileSystem.BTRFS else ()
        yield partition.mount, (*partition.options, *compress, *patient, *grows)
    for number, subvolume in enumerate(partition.subvolumes):
        grows = ("x-systemd.growfs",) if number == 0 else ()
        own = (f"subvol=/{subvolume.name}", *subvolume.options, *grows, PATIENCE)
        yield subvolume.mount, (*partition.options, *compress, *own)


def _mount_points(recipe: Recipe) -> set[str]:
    return {mount for partition in recipe.disk.partitions for mount, _ in _mounts(partition)}


def hidden_below(recipe: Recipe, mount: str) -> tuple[str, ...]:
    """Paths below `mount`, relative to it, that belong to other file systems and stay empty in this one."""
    others = {*_mount_points(recipe), *(f"/{name}" for name in MOUNT_POINTS_ON_BOOT)} - {mount}
    below = (Path(other).relative_to(mount).as_posix() for other in others if Path(other).is_relative_to(mount))
    return tuple(sorted(below))
