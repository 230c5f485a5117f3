"""Rules about the disk of a recipe. Pure. What depends on the size of trees is decided by plan."""

from __future__ import annotations

from collections.abc import Iterator

from builder.recipe.disk import FileSystem, Partition
from builder.recipe.finding import Finding, Rule, mounted, repeated
from builder.recipe.model import Recipe
from builder.recipe.problems import nearest
from builder.recipe.tree import Keys
from builder.units import ALIGNMENT, MIB, align_up, format_size

VFAT_LABEL_MAX = 11
"""Characters in the label field of a FAT boot sector."""

ESP_MIN = 33 * MIB
"""UEFI asks for FAT32, and FAT32 has at least 65525 clusters: 32 MiB of 512-byte clusters, and the tables."""

BIOS_BOOT_MIN = MIB
"""GRUB's core image and the modules for GPT, btrfs and FAT need more than the 31 KiB before a first partition."""


def _partitions(recipe: Recipe) -> Iterator[tuple[Keys, Partition]]:
    for i, partition in enumerate(recipe.disk.partitions):
        yield ("disk", "partitions", i), partition


def _names_and_labels_twice(recipe: Recipe) -> Iterator[Finding]:
    named = (((*keys, "name"), partition.name) for keys, partition in _partitions(recipe))
    yield from repeated(named, "partition")
    labels = (((*keys, "label"), partition.label) for keys, partition in _partitions(recipe) if partition.label)
    yield from repeated(labels, "label")
    for keys, partition in _partitions(recipe):
        subvolumes = (((*keys, "subvolumes", j, "name"), each.name) for j, each in enumerate(partition.subvolumes))
        yield from repeated(subvolumes, "subvolume")


def _mounted_twice(recipe: Recipe) -> Iterator[Finding]:
    yield from repeated(((each.keys, each.path) for each in mounted(recipe)), "mount point")


def _root(recipe: Recipe) -> Iterator[Finding]:
    if not any(each.path == "/" for each in mounted(recipe)):
        hint = "give one partition, or one subvolume, `mount: /`"
        yield Finding(("disk", "partitions"), "nothing is mounted at /", hint)


def _boot_partitions(recipe: Recipe) -> Iterator[Finding]:
    kinds = [partition.type for partition in recipe.disk.partitions]
    needed = {
        "uefi": ("esp", "type: esp, size: 256MiB, filesystem: vfat"),
        "bios": ("bios-boot", "type: bios-boot, size: 4MiB"),
        "raspberry-pi": ("esp", "type: esp, size: 512MiB, filesystem: vfat"),
    }
    for i, method in enumerate(recipe.disk.boot):
        kind, example = needed[method]
        if kind not in kinds:
            message = f"booting by {method} needs a partition with `type: {kind}`"
            yield Finding(("disk", "boot", i), message, f"add {{name: {kind.split('-')[0]}, {example}}}")
    for kind in ("esp", "bios-boot"):
        several = [keys for keys, partition in _partitions(recipe) if partition.type == kind]
        for keys in several[1:]:
            yield Finding((*keys, "type"), f"there can be only one partition with `type: {kind}`")


def _bios_boot(recipe: Recipe) -> Iterator[Finding]:
    for keys, partition in _partitions(recipe):
        if partition.type != "bios-boot":
            continue
        if isinstance(partition.size, int) and partition.size < BIOS_BOOT_MIN:
            yield Finding((*keys, "size"), f"GRUB's core needs {format_size(BIOS_BOOT_MIN)}, this is too small")
        for key in ("filesystem", "label", "mount", "compress"):
            if getattr(partition, key) is not None:
                yield Finding((*keys, key), "a bios-boot partition has no file system; GRUB's core lies there")


def _esp(recipe: Recipe) -> Iterator[Finding]:
    for keys, partition in _partitions(recipe):
        if partition.type != "esp":
            continue
        if partition.filesystem != FileSystem.VFAT:
            yield Finding((*keys, "filesystem"), "firmware reads only `filesystem: vfat` on an ESP")
        size = partition.size if isinstance(partition.size, int) else partition.min or 0
        if size < ESP_MIN:
            key = "min" if partition.size == "fit" else "size"
            message = f"an ESP is FAT32, which needs {format_size(ESP_MIN)} at least"
            yield Finding((*keys, key), message, f"write `{key}: 256MiB`")


def _has_file_system(recipe: Recipe) -> Iterator[Finding]:
    names = [partition.name for partition in recipe.disk.partitions]
    for keys, partition in _partitions(recipe):
        if partition.type == "linux" and partition.filesystem is None:
            near = nearest(partition.name, [name for name in names if name != partition.name])
            meant = f'; or did you mean the partition "{near}"?' if near else ""
            hint = f"add `filesystem: ext4`{meant}"
            yield Finding(keys, "the partition has no file system", hint)


def _only_btrfs(recipe: Recipe) -> Iterator[Finding]:
    for keys, partition in _partitions(recipe):
        if partition.filesystem == FileSystem.BTRFS:
            if partition.subvolumes and partition.mount:
                hint = "give the mount point to a subvolume instead"
                yield Finding((*keys, "mount"), "a btrfs with subvolumes is mounted by its subvolumes", hint)
            continue
        for key in ("compress", "subvolumes"):
            if getattr(partition, key):
                has = f"this is {partition.filesystem}" if partition.filesystem else "this partition has none"
                yield Finding((*keys, key), f"only a btrfs has `{key}`; {has}")


def _vfat_labels(recipe: Recipe) -> Iterator[Finding]:
    for keys, partition in _partitions(recipe):
        label = partition.label
        if label is None or partition.filesystem != FileSystem.VFAT:
            continue
        if len(label) > VFAT_LABEL_MAX:
            message = f"a vfat label has at most {VFAT_LABEL_MAX} characters; {label} has {len(label)}"
            yield Finding((*keys, "label"), message)
        elif label != label.upper():
            message = "a vfat label in small letters is shown differently by different systems"
            yield Finding((*keys, "label"), message, f"write {label.upper()}")


def _fit_and_grow(recipe: Recipe) -> Iterator[Finding]:
    last = len(recipe.disk.partitions) - 1
    for i, (keys, partition) in enumerate(_partitions(recipe)):
        for key in ("free", "min"):
            if getattr(partition, key) is not None and partition.size != "fit":
                yield Finding((*keys, key), f"`{key}` is for a partition with `size: fit`; this one has a fixed size")
        if partition.size == "fit" and partition.type == "bios-boot":
            yield Finding((*keys, "size"), "a bios-boot partition has no files to fit", "write `size: 4MiB`")
        if not partition.grow:
            continue
        if i != last:
            hint = f'the last one is "{recipe.disk.partitions[last].name}"'
            yield Finding((*keys, "grow"), "only the last partition can grow", hint)
        if partition.filesystem not in (FileSystem.EXT4, FileSystem.BTRFS):
            yield Finding((*keys, "grow"), "only ext4 and btrfs can grow while they are mounted")
        if partition.size == "fit" and partition.free is None and partition.min is None:
            hint = "a device that cannot grow must work too: give `free` or `min`, or a fixed size"
            yield Finding((*keys, "size"), "`size: fit` leaves no room in a partition that people write to", hint)


def _fits_the_card(recipe: Recipe) -> Iterator[Finding]:
    fixed = {p.name: p.size if isinstance(p.size, int) else p.min or 0 for p in recipe.disk.partitions}
    total = ALIGNMENT + sum(align_up(size, ALIGNMENT) for size in fixed.values())
    if total > recipe.disk.card:
        terms = " + ".join(f"{name} {format_size(size)}" for name, size in fixed.items() if size)
        largest = max(range(len(recipe.disk.partitions)), key=lambda i: fixed[recipe.disk.partitions[i].name])
        message = f"{terms} = {format_size(total)}, the card holds {format_size(recipe.disk.card)}"
        hint = "make it smaller, or ask for a larger card with `disk.card`"
        yield Finding(("disk", "partitions", largest, "size"), message, hint)


_DISK = ("disk",)

DISK_RULES: tuple[tuple[tuple[str, ...], Rule], ...] = tuple(
    (_DISK, rule)
    for rule in (
        _names_and_labels_twice,
        _mounted_twice,
        _root,
        _boot_partitions,
        _bios_boot,
        _esp,
        _has_file_system,
        _only_btrfs,
        _vfat_labels,
        _fit_and_grow,
        _fits_the_card,
    )
)
"""Every rule about the disk, with the section that it reads."""
