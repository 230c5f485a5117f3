"""What content will take of a disk, known from the databases of its channels before any of its files is there."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from builder.content.laying import will_lie
from builder.disk.ext4_size import geometry, measure_files
from builder.kolibri.channels import Channel, ContentFile
from builder.recipe.model import FileSystem, Partition, Recipe


@dataclass(frozen=True, slots=True, kw_only=True)
class Portion:
    """A channel, or the part of it that an image takes."""

    number: int
    """The place of the entry that asks for it in the recipe's list of content, from 0."""
    channel: Channel
    database: Path | None
    """Where its database lies; None if that is not here, and the files of `channel` only stand for the real ones."""
    made: bool
    """Whether Satchel makes it itself, so that nothing is fetched."""

    @property
    def known(self) -> bool:
        """Whether every single file is known, and not only how many there are."""
        return self.made or self.database is not None


@dataclass(frozen=True, slots=True, kw_only=True)
class Totals:
    """What all channels are together; a file that several of them need counts once."""

    resources: int
    files: int
    size_bytes: int
    """Of files and databases."""
    languages: tuple[str, ...]
    licences: tuple[str, ...]


def totals(channels: Sequence[Channel]) -> Totals:
    """Add channels up."""
    files = all_files(channels)
    return Totals(
        resources=sum(channel.resources for channel in channels),
        files=len(files),
        size_bytes=sum(file.size for file in files) + sum(channel.database_size for channel in channels),
        languages=tuple(sorted({code for channel in channels for code in channel.languages})),
        licences=tuple(sorted({licence for channel in channels for licence in channel.licences})),
    )


def all_files(channels: Iterable[Channel]) -> frozenset[ContentFile]:
    """The files of all channels, each once."""
    return frozenset(file for channel in channels for file in channel.files)


def content_partition(recipe: Recipe) -> Partition | None:
    """The partition that will hold the channels; None without Kolibri."""
    if recipe.kolibri is None:
        return None
    path = PurePosixPath(recipe.kolibri.content)
    holding = [each for each in recipe.disk.partitions if each.mount and path.is_relative_to(each.mount)]
    return max(holding, key=lambda each: len(each.mount or ""), default=None)


def needed_bytes(recipe: Recipe, channels: Sequence[Channel]) -> dict[str, int]:
    """What the partition with the channels needs, by its name: the same bytes that the build will find.

    Empty where nobody can say: without Kolibri, and on a file system that compresses.
    """
    partition = content_partition(recipe)
    if partition is None or partition.filesystem is not FileSystem.EXT4:
        return {}
    assert recipe.kolibri is not None
    assert partition.mount is not None
    place = os.path.relpath(recipe.kolibri.content, partition.mount)
    content = measure_files(will_lie(place, channels) if channels else ())
    return {partition.name: geometry(content, read_only="ro" in partition.options)}
