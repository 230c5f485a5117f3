"""What content will take of a disk, known from the databases of its channels before any of its files is there."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from builder.content.laying import will_lie
from builder.content.trees.listing import Listing
from builder.disk.ext4_size import Coming, geometry, measure_files
from builder.kolibri.channels import Channel, ContentFile
from builder.recipe.disk import FileSystem, Partition
from builder.recipe.model import Recipe


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
class TreePortion:
    """A tree of plain files."""

    number: int
    """As that of `Portion`."""
    name: str
    to: str
    """Where it will lie on the device."""
    listing: Listing


@dataclass(frozen=True, slots=True, kw_only=True)
class Totals:
    """What all content is together; a file that is needed several times counts once."""

    resources: int
    files: int
    size_bytes: int
    """Of files and databases."""
    languages: tuple[str, ...]
    licences: tuple[str, ...]


def totals(channels: Sequence[Channel], trees: Sequence[TreePortion] = ()) -> Totals:
    """Add channels and trees up."""
    files = all_files(channels, trees)
    return Totals(
        resources=sum(channel.resources for channel in channels),
        files=len(files),
        size_bytes=sum(file.size for file in files) + sum(channel.database_size for channel in channels),
        languages=tuple(sorted({code for channel in channels for code in channel.languages})),
        licences=tuple(sorted({licence for channel in channels for licence in channel.licences})),
    )


def all_files(channels: Iterable[Channel], trees: Iterable[TreePortion] = ()) -> frozenset[ContentFile]:
    """The files of all channels and trees, each once."""
    plain = frozenset(file for tree in trees for file in tree.listing.pooled.values())
    return plain.union(*(channel.files for channel in channels))


def content_partitions(recipe: Recipe) -> tuple[Partition, ...]:
    """The partitions that will hold channels or trees."""
    places = [recipe.kolibri.content] if recipe.kolibri else []
    places += [source.files.to for source in recipe.content if source.files]
    holding = {each.name for place in places if (each := _partition_of(recipe, place))}
    return tuple(each for each in recipe.disk.partitions if each.name in holding)


def _partition_of(recipe: Recipe, place: str) -> Partition | None:
    path = PurePosixPath(place)
    holding = [each for each in recipe.disk.partitions if each.mount and path.is_relative_to(each.mount)]
    return max(holding, key=lambda each: len(each.mount or ""), default=None)


def needed_bytes(recipe: Recipe, channels: Sequence[Channel], trees: Sequence[TreePortion] = ()) -> dict[str, int]:
    """What each partition with content needs, by its name: the same bytes that the build will find.

    Nothing is said of one that nobody can tell it of: on a file system that compresses.
    """
    needed = {}
    for partition in content_partitions(recipe):
        if partition.filesystem is FileSystem.EXT4:
            content = measure_files(_coming(recipe, partition, channels, trees))
            needed[partition.name] = geometry(content, read_only="ro" in partition.options)
    return needed


def _coming(
    recipe: Recipe, partition: Partition, channels: Sequence[Channel], trees: Sequence[TreePortion]
) -> Iterator[Coming]:
    assert partition.mount is not None
    if recipe.kolibri and _partition_of(recipe, recipe.kolibri.content) == partition:
        place = os.path.relpath(recipe.kolibri.content, partition.mount)
        # They are there without channels, too.
        yield from (Coming(path=f"{place}/{name}") for name in ("databases", "storage"))
        yield from will_lie(place, channels)
    for tree in trees:
        if _partition_of(recipe, tree.to) == partition:
            yield from tree_will_lie(os.path.relpath(tree.to, partition.mount), tree.listing)


def tree_will_lie(place: str, listing: Listing) -> Iterator[Coming]:
    """Everything in a tree that will lie at `place`, relative to the mount point."""
    top = PurePosixPath(place)
    for path in sorted(listing.directories):
        yield Coming(path=(top / path).as_posix())
    for path, target in listing.links.items():
        yield Coming(path=(top / path).as_posix(), target=target)
    for path, file in listing.pooled.items():
        yield Coming(path=(top / path).as_posix(), size=file.size, same=file.name)
