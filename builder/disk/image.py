"""A disk image as files: one raw file, or a split image, whose parts a descriptor puts together.

The descriptor is the text of a VMDK with flat extents (VMware's "Virtual Disk Format 5.0"): each line gives a run of
sectors and the file in which it lies. QEMU opens it as a disk, so nothing has to be written twice to boot what was
left in parts.
"""

from __future__ import annotations

import os
import re
import stat
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from builder.errors import ArtifactError
from builder.units import SECTOR

DESCRIPTOR: Final = ".vmdk"
"""What the name of a descriptor ends with."""

_MAGIC: Final = b"# Disk DescriptorFile"
_EXTENT: Final = re.compile(r'RW ([0-9]{1,15}) FLAT "([^"/\0]+)" ([0-9]{1,15})')
_LARGEST: Final = 64 * 1024
"""Bytes of a descriptor: far more than the lines of 128 partitions."""

_CYLINDER: Final = 255 * 63


@dataclass(frozen=True, slots=True, kw_only=True)
class Stretch:
    """A run of bytes of the disk, and the file in which it lies."""

    start_bytes: int
    size_bytes: int
    path: Path
    offset_bytes: int
    """Its first byte in the file."""

    @property
    def end_bytes(self) -> int:
        """The first byte of the disk behind it."""
        return self.start_bytes + self.size_bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class DiskImage:
    """An image that can be read, whichever way it is stored."""

    path: Path
    """What a person calls the image."""
    stretches: tuple[Stretch, ...]
    """The whole disk, in order."""

    @property
    def size_bytes(self) -> int:
        """Size of the disk."""
        return self.stretches[-1].end_bytes

    @property
    def format(self) -> str:
        """What QEMU calls it."""
        return "raw" if self.files == (self.path,) else "vmdk"

    @property
    def files(self) -> tuple[Path, ...]:
        """Every file that it needs, the one that a person names first."""
        return tuple(dict.fromkeys((self.path, *(stretch.path for stretch in self.stretches))))

    def place(self, start: int, length: int) -> tuple[Path, int]:
        """The file with `length` bytes from `start` of the disk, and where they begin in it.

        Raises:
            ArtifactError: they do not lie in one file, as every partition of an image of ours does.
        """
        for stretch in self.stretches:
            if stretch.start_bytes <= start and start + length <= stretch.end_bytes:
                return stretch.path, stretch.offset_bytes + start - stretch.start_bytes
        if start + length > self.size_bytes:
            raise ArtifactError(
                f"{self.path} is cut short: {self.size_bytes:,} bytes of at least {start + length:,}",
                hint="build the image again, or copy it again",
            )
        raise ArtifactError(f"{self.path}: bytes {start:,} to {start + length:,} do not lie in one part of it")

    @contextmanager
    def outside(self) -> Iterator[Path]:
        """A file of the disk's size with its partition table, for readers that want one file: the image itself, or,
        for a split one, a sparse file with what lies outside of the partitions, which is gone afterwards.
        """
        if self.format == "raw":
            yield self.path
            return
        with tempfile.NamedTemporaryFile(prefix="satchel-table-") as copy:
            copy.truncate(self.size_bytes)
            outside = self.stretches[0].path
            with outside.open("rb") as source:
                for stretch in self.stretches:
                    if stretch.path == outside:
                        data = os.pread(source.fileno(), stretch.size_bytes, stretch.offset_bytes)
                        os.pwrite(copy.fileno(), data, stretch.start_bytes)
            yield Path(copy.name)


def disk_image(path: Path) -> DiskImage:
    """The image in a file, or the one that a descriptor puts together.

    Raises:
        ArtifactError: it cannot be read, is no descriptor of ours, or a part is missing or has another size.
    """
    try:
        with path.open("rb") as file:
            head = file.read(_LARGEST)
            size = os.lseek(file.fileno(), 0, os.SEEK_END)
    except OSError as error:
        raise ArtifactError(f"{path}: {error.strerror}") from error
    if not head.startswith(_MAGIC):
        return DiskImage(path=path, stretches=(Stretch(start_bytes=0, size_bytes=size, path=path, offset_bytes=0),))
    if size > _LARGEST:
        raise ArtifactError(f"{path} begins as a descriptor of a disk, but is too long for one: {size:,} bytes")
    return DiskImage(path=path, stretches=tuple(_stretches(path, head.decode(errors="replace").splitlines())))


def _stretches(path: Path, lines: Sequence[str]) -> Iterator[Stretch]:
    start = 0
    for number, line in enumerate(lines, start=1):
        if not line.startswith(("RW ", "RDONLY ", "NOACCESS ")):
            continue
        found = _EXTENT.fullmatch(line)
        if found is None:
            raise ArtifactError(
                f"{path}:{number}: this is no part of an image made by Satchel: {line}",
                hint="qemu-img can turn virtual disks of others into a raw image",
            )
        stretch = Stretch(
            start_bytes=start,
            size_bytes=int(found[1]) * SECTOR,
            path=path.parent / found[2],
            offset_bytes=int(found[3]) * SECTOR,
        )
        _check(stretch, named=f"{path}:{number}")
        yield stretch
        start = stretch.end_bytes
    if start == 0:
        raise ArtifactError(f"{path} names no parts, so it is no disk")


def _check(stretch: Stretch, *, named: str) -> None:
    part, needed = stretch.path, stretch.offset_bytes + stretch.size_bytes
    try:
        facts = part.stat()
    except OSError as error:
        raise ArtifactError(f"{named}: {part}: {error.strerror}", hint="copy the whole directory") from error
    if not stat.S_ISREG(facts.st_mode):
        raise ArtifactError(f"{named}: {part} is not a file")
    if facts.st_size < needed:
        raise ArtifactError(
            f"{named}: {part} is cut short: {facts.st_size:,} bytes of at least {needed:,}",
            hint="build the image again, or copy it again",
        )


def descriptor(stretches: Sequence[Stretch], *, identity: int) -> str:
    """The text that puts parts together, which lie beside it; `identity` tells the content (32 bits)."""
    sectors = stretches[-1].end_bytes // SECTOR
    extents = [
        f'RW {stretch.size_bytes // SECTOR} FLAT "{stretch.path.name}" {stretch.offset_bytes // SECTOR}'
        for stretch in stretches
    ]
    lines = [
        _MAGIC.decode(),
        "version=1",
        f"CID={identity & 0xFFFF_FFFF:08x}",
        "parentCID=ffffffff",
        'createType="twoGbMaxExtentFlat"',
        "",
        "# Extent description",
        *extents,
        "",
        "# The Disk Data Base",
        "#DDB",
        'ddb.virtualHWVersion = "4"',
        f'ddb.geometry.cylinders = "{min(sectors // _CYLINDER, 16383)}"',
        'ddb.geometry.heads = "255"',
        'ddb.geometry.sectors = "63"',
        'ddb.adapterType = "lsilogic"',
    ]
    return "\n".join(lines) + "\n"
