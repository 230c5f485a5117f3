"""A device in use gets a new system, and keeps what is valuable on it.

Its partition table is its own: the last partition has grown, and every id is another one. So the table stays, and must
name the very partitions that the manifest of the new image names. It gets the image's disk GUID, which asks the device
for new ids at its next start, because the new file systems come with those of the image.
"""

from __future__ import annotations

import uuid
from dataclasses import dataclass

from builder.disk.extents import Extent
from builder.errors import FlashRefused
from builder.flash.gpt import Gpt
from builder.manifest import DiskRecord, PartitionRecord
from builder.recipe.disk import DataClass
from builder.units import format_size


@dataclass(frozen=True, slots=True, kw_only=True)
class Keeping:
    """What a device in use keeps, by the manifest of the new image."""

    guid: uuid.UUID
    """Of the image's disk."""
    partitions: tuple[PartitionRecord, ...]

    @property
    def kept(self) -> tuple[PartitionRecord, ...]:
        """The partitions that are not touched."""
        return tuple(record for record in self.partitions if _is_valuable(record))

    @property
    def replaced(self) -> tuple[PartitionRecord, ...]:
        """The partitions that become those of the image."""
        return tuple(record for record in self.partitions if not _is_valuable(record))

    def problems(self, table: Gpt) -> list[str]:
        """Why a card with this table cannot keep anything; nothing if it can."""
        there = {entry.number: entry for entry in table.partitions}
        found = []
        for record in self.partitions:
            entry = there.pop(record.number, None)
            if entry is None:
                found.append(f"there is no partition {record.number} ({record.name})")
            elif entry.name != record.name:
                found.append(f"partition {record.number} is called {entry.name}, and in the image {record.name}")
            elif entry.extent.start != record.start_bytes:
                found.append(f"partition {record.name} does not begin where that of the image does")
            elif entry.extent.length < record.size_bytes or (
                entry.extent.length > record.size_bytes and not record.grow
            ):
                sizes = f"{format_size(entry.extent.length)}, and in the image {format_size(record.size_bytes)}"
                found.append(f"partition {record.name} has {sizes}")
        return found + [f"partition {number} ({entry.name}) is not in the image" for number, entry in there.items()]

    def untouched(self, table: Gpt) -> tuple[Extent, ...]:
        """Where what is kept lies on a card with this table."""
        numbers = {record.number for record in self.kept}
        return tuple(entry.extent for entry in table.partitions if entry.number in numbers)

    def renewed(self, table: Gpt) -> Gpt:
        """The card's own table, asking for new ids."""
        return table.with_guid(self.guid)


def keeping_of(disk: DiskRecord) -> Keeping:
    """What devices keep when they get this image.

    Raises:
        FlashRefused: the image has nothing valuable, or has it beside what must be replaced.
    """
    keeping = Keeping(guid=uuid.UUID(disk.guid), partitions=disk.partitions)
    if disk.table != "gpt" or not keeping.kept:
        raise FlashRefused("--keep-data: the image has no partition for what is valuable, so nothing could be kept")
    for record in disk.partitions:
        classes = {subvolume.data for subvolume in record.subvolumes}
        if DataClass.VALUABLE in classes and len(classes) > 1:
            names = ", ".join(each.mount for each in record.subvolumes if each.data is DataClass.VALUABLE)
            raise FlashRefused(
                f"--keep-data: {names} is valuable, and lies in the partition {record.name} beside what is replaced",
                hint="the recipe must give what is valuable a partition of its own",
            )
    return keeping


def _is_valuable(record: PartitionRecord) -> bool:
    if record.subvolumes:
        return all(subvolume.data is DataClass.VALUABLE for subvolume in record.subvolumes)
    return record.data is DataClass.VALUABLE
