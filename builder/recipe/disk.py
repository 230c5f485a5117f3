"""What a recipe says about the disk. Pure. Rules that concern several keys live in `semantics_disk`."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from builder.recipe.shapes import AbsolutePath, Name, Part, Shape, Size, SizeOrFit
from builder.units import parse_size


class DataClass(StrEnum):
    """What may happen to data when a device is repaired, updated or reset."""

    SYSTEM = "system"
    CONTENT = "content"
    VALUABLE = "valuable"
    DISPOSABLE = "disposable"


class FileSystem(StrEnum):
    """The file systems that Satchel can make from a tree."""

    VFAT = "vfat"
    EXT4 = "ext4"
    BTRFS = "btrfs"


class Subvolume(Part):
    """A btrfs subvolume."""

    name: Annotated[str, Shape(r"@[a-z0-9-]*", "a subvolume name such as @home")]
    """Its name, by custom beginning with `@`."""
    mount: AbsolutePath
    """Where it is mounted on the device."""
    data: DataClass
    """What may happen to the data in it."""
    options: tuple[str, ...] = ()
    """Mount options besides those of the partition."""


class Partition(Part):
    """One partition of the disk, in the order of the disk."""

    name: Name
    """The partition's name, also in the partition table."""
    type: Literal["bios-boot", "esp", "linux"] = "linux"
    """`bios-boot` holds GRUB's core for legacy BIOS, `esp` is the EFI system partition."""
    size: SizeOrFit
    """A size such as `3GiB`, or `fit`: as large as what goes into it, plus `free`."""
    free: Size | None = None
    """Room to leave free in a partition with `size: fit`."""
    min: Size | None = None
    """Never smaller than this, for a partition with `size: fit`."""
    grow: bool = False
    """Grow to the end of the disk at first boot; only the last partition can."""
    filesystem: FileSystem | None = None
    """The file system; none for `bios-boot`."""
    label: Annotated[str, StringConstraints(min_length=1, max_length=16)] | None = None
    """The file system's label; for vfat at most 11 characters."""
    mount: AbsolutePath | None = None
    """Where it is mounted on the device; a btrfs with subvolumes has mount points there instead."""
    options: tuple[str, ...] = ()
    """Mount options."""
    data: DataClass = DataClass.SYSTEM
    """What may happen to the data in it."""
    compress: Annotated[str, Shape(r"zstd:([1-9]|1[0-5])", "a compression from zstd:1 to zstd:15")] | None = None
    """Compression of a btrfs, in the image and on the device, such as `zstd:3`."""
    subvolumes: tuple[Subvolume, ...] = ()
    """Subvolumes of a btrfs."""


class Board(StrEnum):
    """Boards of the Raspberry Pi family with 64-bit processors that Debian's kernel starts."""

    PI_3 = "pi-3"
    PI_4 = "pi-4"
    PI_400 = "pi-400"
    PI_5 = "pi-5"
    ZERO_2_W = "zero-2-w"


class RaspberryPi(Part):
    """Raspberry Pi boards: which of them, and their settings."""

    boards: Annotated[tuple[Board, ...], Field(min_length=1)] = tuple(Board)
    """The boards that the image starts on."""
    config: tuple[str, ...] = ()
    """Lines for config.txt besides those that start the kernel, such as `hdmi_force_hotplug=1`."""


class Disk(Part):
    """The disk that a card or a hard disk will carry."""

    table: Literal["gpt"] = "gpt"
    """The partition table."""
    boot: Annotated[tuple[Literal["uefi", "bios", "raspberry-pi"], ...], Field(min_length=1)] = ("uefi", "bios")
    """The firmware that the one image boots on."""
    raspberry_pi: RaspberryPi = RaspberryPi()
    """What booting by `raspberry-pi` needs to know."""
    cmdline: tuple[str, ...] = ()
    """Kernel parameters besides `root=` and those that begin with `satchel.`."""
    card: Size = parse_size("7.2 GB")
    """The smallest card that the image must fit on. The default is what cards sold as "8 GB" really hold at least."""
    own_ids: bool = False
    """Give each device a disk GUID, PARTUUIDs and file-system UUIDs of its own before it mounts anything for the first
    time. Its file systems are then known by the names of their partitions, as `/dev/satchel/NAME`. Needs the overlay
    `own-disk`."""
    partitions: Annotated[tuple[Partition, ...], Field(min_length=1)]
    """The partitions, in order."""
