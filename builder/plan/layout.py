"""The disk layout: where every partition lies and what it is called, decided before anything is written. Pure.

Every GUID comes from one seed and the partition's name, so the same plan gives the same disk, and adding a partition
does not rename the others.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final
from uuid import UUID, uuid5

from builder.errors import PlanError
from builder.recipe.disk import DataClass, Disk, FileSystem, Partition
from builder.units import ALIGNMENT, SECTOR, align_up, format_size

TYPE_GUIDS: Final = {
    "bios-boot": UUID("21686148-6449-6e6f-744e-656564454649"),
    "esp": UUID("c12a7328-f81f-11d2-ba4b-00a0c93ec93b"),
    "linux": UUID("0fc63daf-8483-4772-8e79-3d69d8477de4"),
}
"""GPT partition types, from the UEFI specification, GRUB's manual and the Discoverable Partitions Specification."""

GPT_SECTORS: Final = 33
"""Sectors of one copy of a GPT: its header and the usual 128 entries. The first copy follows the MBR's sector."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PlacedPartition:
    """One partition with its place; positions and sizes in bytes."""

    number: int
    name: str
    type: str
    type_guid: UUID
    guid: UUID
    start_bytes: int
    size_bytes: int
    filesystem: FileSystem | None
    filesystem_uuid: str | None
    """As blkid prints it: eight digits like `1A2B-3C4D` for vfat, a UUID for the others."""
    label: str | None
    mount: str | None
    grow: bool
    data: DataClass

    @property
    def end_bytes(self) -> int:
        """The first byte behind it."""
        return self.start_bytes + self.size_bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """A whole disk: its GUID, the size of the image in bytes, and its partitions in order."""

    disk_guid: UUID
    size_bytes: int
    partitions: tuple[PlacedPartition, ...]
    in_mbr: str | None = None
    """The name of the partition that the MBR shows too, for firmware that knows no GPT."""

    def partition(self, name: str) -> PlacedPartition:
        """The partition of that name, which must exist."""
        return next(partition for partition in self.partitions if partition.name == name)


def plan_layout(disk: Disk, *, needed: Mapping[str, int], seed: UUID) -> Layout:
    """Place the partitions of a disk one behind the other.

    Args:
        disk: What the recipe wants.
        needed: Bytes that the content of a partition needs at least, by name; complete for those with `size: fit`.
        seed: What all GUIDs are made from.

    Raises:
        PlanError: content does not fit its partition, or the whole does not fit the smallest card.
    """
    placed: list[PlacedPartition] = []
    start = ALIGNMENT
    for number, partition in enumerate(disk.partitions, start=1):
        _refuse_too_small(partition, needed)
        size = partition_size(partition, needed.get(partition.name, 0))
        placed.append(_place(partition, number=number, start=start, size=size, seed=seed))
        start += size
    size = image_size(partition.size_bytes for partition in placed)
    shown = next((each.name for each in placed if each.type == "esp"), None) if "raspberry-pi" in disk.boot else None
    layout = Layout(disk_guid=uuid5(seed, "disk"), size_bytes=size, partitions=tuple(placed), in_mbr=shown)
    if size > disk.card:
        raise _too_large(disk, layout, needed)
    return layout


def partition_size(partition: Partition, content: int) -> int:
    """Bytes of a partition with so many bytes of content; a fixed one does not grow with what is put into it."""
    if partition.size == "fit":
        return align_up(max(content + (partition.free or 0), partition.min or 0, 1), ALIGNMENT)
    return align_up(partition.size, ALIGNMENT)


def image_size(partitions: Iterable[int]) -> int:
    """Bytes of an image with partitions of these sizes, which are aligned already."""
    return align_up(ALIGNMENT + sum(partitions) + GPT_SECTORS * SECTOR, ALIGNMENT)


def _refuse_too_small(partition: Partition, needed: Mapping[str, int]) -> None:
    content = needed.get(partition.name, 0)
    if partition.size != "fit" and content > partition.size:
        short = content - partition.size
        raise PlanError(
            f"partition {partition.name} has {format_size(partition.size)}, but what goes into it needs "
            f"{format_size(content)}: {format_size(short)} too much",
            hint=f"give partition {partition.name} at least {align_up(content, ALIGNMENT) >> 20}MiB",
        )


def _place(partition: Partition, *, number: int, start: int, size: int, seed: UUID) -> PlacedPartition:
    return PlacedPartition(
        number=number,
        name=partition.name,
        type=partition.type,
        type_guid=TYPE_GUIDS[partition.type],
        guid=uuid5(seed, f"partition/{partition.name}"),
        start_bytes=start,
        size_bytes=size,
        filesystem=partition.filesystem,
        filesystem_uuid=filesystem_uuid(partition, seed),
        label=partition.label,
        mount=partition.mount,
        grow=partition.grow,
        data=partition.data,
    )


def filesystem_uuid(partition: Partition, seed: UUID) -> str | None:
    """The UUID of a partition's file system, as blkid prints it; none where there is no file system."""
    unique = uuid5(seed, f"filesystem/{partition.name}")
    match partition.filesystem:
        case None:
            return None
        case FileSystem.VFAT:
            digits = unique.hex[:8].upper()
            return f"{digits[:4]}-{digits[4:]}"
        case FileSystem.EXT4 | FileSystem.BTRFS:
            return str(unique)


def _too_large(disk: Disk, layout: Layout, needed: Mapping[str, int]) -> PlanError:
    excess = layout.size_bytes - disk.card
    fixed = {partition.name for partition in disk.partitions if partition.size != "fit"}
    spare = {
        placed.name: placed.size_bytes - needed[placed.name] if placed.name in needed else placed.size_bytes // 2
        for placed in layout.partitions
        if placed.name in fixed
    }
    name = max(spare, key=lambda partition: spare[partition], default="")
    shrink = align_up(excess, ALIGNMENT)
    if name and spare[name] >= shrink:
        smaller = layout.partition(name).size_bytes - shrink
        hint = f"make partition {name} {format_size(shrink)} smaller (size: {smaller >> 20}MiB), or raise disk.card"
    else:
        hint = "preload less content, or raise disk.card if all of your cards are larger"
    return PlanError(
        f"the image needs {format_size(layout.size_bytes)} ({layout.size_bytes:,} bytes), but the smallest card has "
        f"{format_size(disk.card)} ({disk.card:,} bytes): {format_size(excess)} too much",
        details=render(layout),
        hint=hint,
    )


def render(layout: Layout) -> str:
    """The layout as a table for people."""
    rows = [("#", "name", "start", "size", "file system", "mount", "data")]
    rows += [
        (
            str(partition.number),
            partition.name,
            format_size(partition.start_bytes),
            format_size(partition.size_bytes) + (" +" if partition.grow else ""),
            str(partition.filesystem or partition.type),
            partition.mount or "",
            str(partition.data),
        )
        for partition in layout.partitions
    ]
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    right = {0, 2, 3}
    lines = [
        "  ".join(
            cell.rjust(width) if column in right else cell.ljust(width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    ]
    grows = "; + grows to the end of the card" if any(partition.grow for partition in layout.partitions) else ""
    return "\n".join([*lines, f"image: {format_size(layout.size_bytes)}{grows}"])
