"""An image opened for comparing: its table, the anatomy of each partition, and what it says of itself.

Everything is read from the image file alone, so this works without the namespace and without a tools tree.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path, PurePosixPath
from typing import Final

from builder.compare.anatomy import Anatomy, Window
from builder.compare.read_btrfs import read_btrfs
from builder.compare.read_ext4 import read_ext4
from builder.compare.read_vfat import read_vfat
from builder.disk.image import DiskImage, disk_image
from builder.disk.read import Table, TablePartition, read_table
from builder.disk.superblock import PROBE_BYTES, identify
from builder.errors import ArtifactError
from builder.manifest import ON_ESP, Manifest, parse_manifest

_READERS: Final[Mapping[str, Callable[[Window], Anatomy]]] = {
    "btrfs": read_btrfs,
    "ext2": read_ext4,
    "ext3": read_ext4,
    "ext4": read_ext4,
    "vfat": read_vfat,
}


class OpenImage:
    """An image that is open; use `open_image`."""

    def __init__(self, image: DiskImage, descriptors: Mapping[Path, int]) -> None:
        self.path = image.path
        self.size_bytes = image.size_bytes
        self._image = image
        self._descriptors = descriptors
        self._anatomies: dict[str, Anatomy | ArtifactError] = {}

    def table(self) -> Table:
        """The partition table.

        Raises:
            ArtifactError: there is none that can be read.
        """
        return read_table(self.path)

    def window(self, start: int, length: int) -> Window:
        """A part of it.

        Raises:
            ArtifactError: it lies in more than one file of a split image.
        """
        path, offset = self._image.place(start, length)
        return Window(self._descriptors[path], start=offset, length=length)

    def partition(self, partition: TablePartition) -> Window:
        """The bytes of a partition."""
        return self.window(partition.start_bytes, partition.size_bytes)

    def filesystem(self, partition: TablePartition) -> str | None:
        """What its superblock calls it."""
        found = identify(self.partition(partition).read(0, min(PROBE_BYTES, partition.size_bytes)))
        return None if found is None else found.type

    def anatomy(self, partition: TablePartition, *, kind: str) -> Anatomy:
        """The anatomy of a partition's file system.

        Raises:
            ArtifactError: it is damaged, or no reader knows its kind.
        """
        if partition.name not in self._anatomies:
            self._anatomies[partition.name] = self._read(partition, kind)
        found = self._anatomies[partition.name]
        if isinstance(found, ArtifactError):
            raise found
        return found

    def _read(self, partition: TablePartition, kind: str) -> Anatomy | ArtifactError:
        if kind not in _READERS:
            return ArtifactError(f"the files of a {kind} cannot be compared")
        try:
            return _READERS[kind](self.partition(partition))
        except ArtifactError as error:
            return error
        except (struct.error, IndexError, KeyError, RecursionError, ValueError) as error:
            return ArtifactError(f"its structure is damaged: {error}")

    def manifest(self, table: Table) -> Manifest | None:
        """The manifest on its EFI system partition; None for an image of somebody else, or one that cannot be read."""
        for partition in table.partitions:
            if "esp" in partition.flags:
                try:
                    text = self.anatomy(partition, kind="vfat").read(ON_ESP)
                    return parse_manifest(text, source=f"{self.path} ({ON_ESP} on its ESP)")
                except ArtifactError:
                    return None
        return None


@contextmanager
def open_image(path: Path) -> Iterator[OpenImage]:
    """Open an image, whole or split, to read it.

    Raises:
        ArtifactError: there is no such file, or it may not be read.
    """
    image = disk_image(path)
    with ExitStack() as stack:
        descriptors = {}
        for file in image.files:
            try:
                descriptors[file] = stack.enter_context(file.open("rb")).fileno()
            except OSError as error:
                raise ArtifactError(f"{file}: {error.strerror}") from error
        yield OpenImage(image, descriptors)


Places = Mapping[str, tuple[tuple[str, str], ...]]
"""For each partition: directories of its file system (`""` is all of it) with the mount point of each."""


def places_of(manifest: Manifest | None) -> Places:
    """Where the device shows the partitions of an image."""
    if manifest is None:
        return {}
    return {
        record.name: (
            *((("", record.mount),) if record.mount else ()),
            *((subvolume.name, subvolume.mount) for subvolume in record.subvolumes),
        )
        for record in manifest.disk.partitions
    }


def on_device(places: Places, partition: str, path: str) -> str:
    """A path of a file system as the device shows it; as it is in the file system, where it is not shown."""
    for inner, mount in places.get(partition, ()):
        if not inner or path == inner or path.startswith(f"{inner}/"):
            return str(PurePosixPath(mount) / path[len(inner) :].lstrip("/"))
    return path or "the top directory"
