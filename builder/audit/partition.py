"""What has to be known of a partition to read it out of a finished image."""

from __future__ import annotations

from dataclasses import dataclass

from builder.disk.read import Table
from builder.recipe.disk import FileSystem


@dataclass(frozen=True, slots=True, kw_only=True)
class ImagePartition:
    """A partition with a file system; its place in bytes, and where the device shows it."""

    name: str
    start_bytes: int
    size_bytes: int
    filesystem: FileSystem
    mount: str | None = None
    """None for a btrfs whose subvolumes are mounted, and for what no device mounts."""
    subvolumes: tuple[tuple[str, str], ...] = ()
    """Names of subvolumes with their mount points: `("@home", "/home")`."""

    def places(self) -> tuple[tuple[str, str], ...]:
        """Directories of the file system with the mount point of each; "" is the whole file system."""
        whole = () if self.mount is None else (("", self.mount),)
        return (*whole, *self.subvolumes)


def esp_of(table: Table) -> ImagePartition | None:
    """The EFI system partition of a table; none if there is none."""
    found = table.esp
    if found is None:
        return None
    return ImagePartition(
        name=found.name, start_bytes=found.start_bytes, size_bytes=found.size_bytes, filesystem=FileSystem.VFAT
    )
