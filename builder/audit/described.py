"""Facts of an image out of the description that it carries: the recipe on its ESP, and its partition table.

The recipe that somebody edits is not read here; this one is part of the artifact.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol

from builder.audit.facts import BoardFirmware, BuildHost, Facts
from builder.audit.partition import ImagePartition
from builder.errors import ArtifactError
from builder.recipe.disk import Disk
from builder.recipe.model import Recipe


class Place(Protocol):
    """A named partition and its place in bytes, whether planned or read from a table."""

    @property
    def name(self) -> str:
        """Its name in the table."""

    @property
    def start_bytes(self) -> int:
        """Its first byte."""

    @property
    def size_bytes(self) -> int:
        """Its size."""


def image_partitions(disk: Disk, places: Iterable[Place]) -> tuple[ImagePartition, ...]:
    """The partitions with a file system: what they are from the recipe, where they lie from the table.

    Raises:
        ArtifactError: the table lacks a partition of the recipe.
    """
    by_name = {place.name: place for place in places}
    missing = [partition.name for partition in disk.partitions if partition.name not in by_name]
    if missing:
        raise ArtifactError(f"the image has no partition {', '.join(missing)}, but its recipe has")
    return tuple(
        ImagePartition(
            name=partition.name,
            start_bytes=by_name[partition.name].start_bytes,
            size_bytes=by_name[partition.name].size_bytes,
            filesystem=partition.filesystem,
            mount=partition.mount,
            subvolumes=tuple((subvolume.name, subvolume.mount) for subvolume in partition.subvolumes),
        )
        for partition in disk.partitions
        if partition.filesystem is not None
    )


def board_firmware(disk: Disk) -> BoardFirmware | None:
    """What the boards of a recipe read, if it is for boards."""
    if "raspberry-pi" not in disk.boot:
        return None
    place = next(partition.mount for partition in disk.partitions if partition.type == "esp")
    return BoardFirmware(place=place or "", boards=disk.raspberry_pi.boards)


def declared_facts(recipe: Recipe, build_host: BuildHost, *, secrets: tuple[str, ...] = ()) -> Facts:
    """What a recipe declares, so that the audit does not take it for a trace of somebody."""
    kolibri = recipe.kolibri
    return Facts(
        build_host=build_host,
        authorized_keys=tuple(key for user in recipe.users for key in user.authorized_keys),
        kolibri_homes=() if kolibri is None else (kolibri.home,),
        bulk=() if kolibri is None else (f"{kolibri.content}/storage",),
        files=tuple(source.files.to for source in recipe.content if source.files),
        secrets=secrets,
        architecture=recipe.base.architecture,
    )
