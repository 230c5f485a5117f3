"""From the finished tree to the disk image: sizes, layout, a file system for each partition, boot loaders, one
image.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from builder.disk import btrfs, ext4, vfat
from builder.disk.assemble import assemble
from builder.disk.bootloader import SYSTEMD_BOOT, esp_files, kernel_options
from builder.disk.extents import Extent
from builder.disk.grub import make_bios_boot
from builder.disk.source import Source
from builder.errors import BuildFailed
from builder.host.tools import Tools
from builder.layers.system import hidden_below
from builder.plan.keys import seed_of
from builder.plan.layout import Layout, PlacedPartition, plan_layout
from builder.progress import Reporter
from builder.recipe.model import FileSystem, Partition, Recipe


@dataclass(frozen=True, slots=True, kw_only=True)
class Imaging:
    """One tree on its way to an image. Everything happens inside the namespace, in `scratch`."""

    recipe: Recipe
    tree: Path
    tools: Tools
    scratch: Path
    epoch: int
    """Seconds since 1970, for everything that a program would date by itself."""
    reporter: Reporter

    def layout(self) -> Layout:
        """Where everything will lie: partitions that fit their content are measured first.

        Raises:
            PlanError: something does not fit.
        """
        needed = {
            partition.name: ext4.needed_bytes(self._source(partition.mount), read_only="ro" in partition.options)
            for partition in self.recipe.disk.partitions
            if partition.filesystem is FileSystem.EXT4 and partition.mount
        }
        return plan_layout(self.recipe.disk, needed=needed, seed=seed_of(self.recipe.name))

    def make(self, layout: Layout, image: Path, *, on_esp: Mapping[str, bytes]) -> tuple[Extent, ...]:
        """Make every partition and put the image together; returns the mapped extents.

        Args:
            on_esp: Further files for the EFI system partition, by path.
        """
        pieces: dict[str, Path] = {}
        boot_code = b""
        for described, placed in zip(self.recipe.disk.partitions, layout.partitions, strict=True):
            out = self.scratch / f"{placed.name}.part"
            with self.reporter.step(f"partition {placed.name}", detail=str(placed.filesystem or placed.type)):
                if placed.type == "bios-boot":
                    boot_code = make_bios_boot(self.tools, placed, esp=self._esp(layout), out=out)
                elif placed.filesystem is not None:
                    self._make_filesystem(described, placed, layout, out, on_esp)
            if out.exists():
                pieces[placed.name] = out
        with self.reporter.step("disk image"):
            return assemble(self.tools, layout, pieces, image=image, boot_code=boot_code, reporter=self.reporter)

    def _make_filesystem(
        self, described: Partition, placed: PlacedPartition, layout: Layout, out: Path, on_esp: Mapping[str, bytes]
    ) -> None:
        match placed.filesystem:
            case FileSystem.VFAT:
                files = {**self._boot_files(layout), **on_esp} if placed.type == "esp" else {}
                vfat.make_vfat(self.tools, files, placed, out=out, epoch=self.epoch)
            case FileSystem.EXT4:
                read_only = "ro" in described.options
                source = self._source(placed.mount)
                ext4.make_ext4(self.tools, source, placed, out=out, epoch=self.epoch, read_only=read_only)
            case FileSystem.BTRFS:
                subvolumes = {subvolume.name: self._source(subvolume.mount) for subvolume in described.subvolumes}
                whole = {"": self._source(placed.mount)}
                compress = described.compress
                btrfs.make_btrfs(self.tools, subvolumes or whole, placed, out=out, epoch=self.epoch, compress=compress)
            case None:
                raise AssertionError

    def _source(self, mount: str | None) -> Source:
        """What of the tree lies in the file system that is mounted there; nothing, for one that is never mounted."""
        if mount is None:
            empty = self.scratch / "empty"
            empty.mkdir(exist_ok=True)
            return Source(path=empty)
        return Source(path=self.tree / mount.lstrip("/"), hidden=hidden_below(self.recipe, mount))

    def _esp(self, layout: Layout) -> PlacedPartition:
        return next(partition for partition in layout.partitions if partition.type == "esp")

    def _boot_files(self, layout: Layout) -> dict[str, Path | bytes]:
        root, subvolume = _root_of(self.recipe)
        root_uuid = layout.partition(root.name).filesystem_uuid
        assert root_uuid is not None
        disk = self.recipe.disk
        return esp_files(
            title=self.recipe.description,
            options=kernel_options(root_uuid=root_uuid, subvolume=subvolume, cmdline=disk.cmdline),
            kernel=_newest(self.tree / "boot", "vmlinuz-"),
            initrd=_newest(self.tree / "boot", "initrd.img-"),
            systemd_boot=self.tools.tree / SYSTEMD_BOOT,
            firmware=disk.boot,
        )


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
        raise BuildFailed(f"the tree has no /boot/{prefix}*", hint="name a kernel in packages.apt: linux-image-amd64")
    return found[-1]


def _version(path: Path) -> list[tuple[int, str]]:
    """6.12.100 is newer than 6.12.9."""
    return [(int(part) if part.isdigit() else -1, part) for part in re.split(r"(\d+)", path.name)]
