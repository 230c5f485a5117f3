"""The files that an image with first boot keeps on its FAT partition: a place for the seed, and for the report."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from seed import places

from builder.recipe.disk import FileSystem
from builder.recipe.model import Recipe

_OVERLAY: Final = "firstboot"
"""What takes a seed and writes the report."""


def reserved_files(recipe: Recipe) -> Mapping[str, bytes]:
    """By name, in the order in which they lie; none when nothing on the device would use them."""
    told = any(overlay.name == _OVERLAY for overlay in recipe.overlays)
    esp = any(
        partition.type == "esp" and partition.filesystem is FileSystem.VFAT for partition in recipe.disk.partitions
    )
    return places.reserved() if told and esp else {}
