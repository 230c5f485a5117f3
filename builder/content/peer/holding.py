"""Where content lies: in a content directory, or in one inside the image of a disk."""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from builder.compare.anatomy import Anatomy, File
from builder.compare.opened import OpenImage, open_image
from builder.content.peer.stored import Span, Stored
from builder.disk.image import disk_image
from builder.disk.read import TablePartition
from builder.errors import ArtifactError, PlanError
from builder.kolibri.channels import content_directory

_DATABASE: Final = re.compile(r"databases/([0-9a-f]{32})\.sqlite3")
_SERVED: Final = re.compile(rf"{_DATABASE.pattern}|storage/[0-9a-f]/[0-9a-f]/[0-9a-f]{{32}}\.[0-9a-z]+")
_TOP: Final = re.compile(rf"(?:(.*)/)?{_DATABASE.pattern}")
_MANIFEST: Final = "manifest.json"
_COMPRESSED: Final = frozenset({".zst", ".xz", ".gz", ".bz2"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Holding:
    """A content directory, wherever it lies."""

    called: str
    """What a person calls it."""
    readable: Path
    """A content directory with the same channel databases and manifest.json, which can be read as such."""
    stored: Mapping[str, Stored]
    """Its databases and content files, by their paths in the content directory."""

    @property
    def channels(self) -> frozenset[str]:
        """Ids of the channels whose databases it has."""
        return frozenset(found[1] for path in self.stored if (found := _DATABASE.fullmatch(path)))


def in_directory(directory: Path) -> Holding:
    """What a drive, a KOLIBRI_DATA folder, a Kolibri home or a content directory holds.

    Links are not followed below it: what a drive of somebody else names must not be a file of this machine.

    Raises:
        PlanError: there is no content.
    """
    content = content_directory(directory).resolve()
    return Holding(called=str(directory), readable=content, stored=dict(_regular(content)))


def _regular(content: Path) -> Iterator[tuple[str, Stored]]:
    for top in ("databases", "storage"):
        for place, _directories, names in os.walk(content / top):
            for name in names:
                path = Path(place, name)
                relative = path.relative_to(content).as_posix()
                if _SERVED.fullmatch(relative) and stat.S_ISREG((found := path.lstat()).st_mode):
                    yield relative, Stored(path=path, spans=(Span(0, found.st_size),))


@contextmanager
def in_image(image: Path) -> Iterator[tuple[Holding, ...]]:
    """Every content directory on the ext4 partitions of an image, whole or split, or of a card.

    Its content files stay where they are; the channel databases are also copied out while the context lasts.

    Raises:
        ArtifactError: it is no image, or damaged.
        PlanError: there is no content in it.
    """
    with open_image(image) as opened, TemporaryDirectory(prefix="satchel-channels-") as scratch:
        found: list[Holding] = []
        broken: list[str] = []
        for number, partition in enumerate(_partitions(opened)):
            try:
                found += _in_partition(image, opened, partition, Path(scratch, str(number)))
            except ArtifactError as error:
                broken.append(f"partition {partition.name or partition.number}: {error.message}")
        if broken and not found:
            raise ArtifactError(f"the content of {image} cannot be read", details="\n".join(broken))
        if not found:
            raise PlanError(
                f"{image} holds no Kolibri content",
                details="no ext4 partition has a directory databases/ with a channel in it",
            )
        yield tuple(found)


def _partitions(opened: OpenImage) -> tuple[TablePartition, ...]:
    try:
        partitions = opened.table().partitions
        return tuple(partition for partition in partitions if opened.filesystem(partition) == "ext4")
    except ArtifactError as error:
        if opened.path.suffix in _COMPRESSED:
            error.hint = "files can be served out of an image only when it is not compressed; unpack it first"
        raise


def _in_partition(image: Path, opened: OpenImage, partition: TablePartition, scratch: Path) -> Iterator[Holding]:
    anatomy = opened.anatomy(partition, kind="ext4")
    tops = {found[1] or "" for path in anatomy.files if (found := _TOP.fullmatch(path))}
    for number, top in enumerate(sorted(tops)):
        stored = dict(_below(image, partition, anatomy, top))
        readable = scratch / str(number)
        _copy_out(stored, anatomy, top, readable)
        called = f"{image}, partition {partition.name or partition.number}, /{top}"
        yield Holding(called=called, readable=readable, stored=stored)


def _below(image: Path, partition: TablePartition, anatomy: Anatomy, top: str) -> Iterator[tuple[str, Stored]]:
    path, offset = disk_image(image).place(partition.start_bytes, partition.size_bytes)
    path = path.resolve()
    prefix = f"{top}/" if top else ""
    for name, file in anatomy.files.items():
        relative = name.removeprefix(prefix)
        if name.startswith(prefix) and _SERVED.fullmatch(relative) and stat.S_ISREG(file.mode):
            yield relative, Stored(path=path, spans=tuple(_spans(name, file, offset, partition.size_bytes)))


def _spans(name: str, file: File, offset: int, limit: int) -> Iterator[Span]:
    at = 0
    if file.size > limit:
        raise ArtifactError(f"{name} claims to be larger than its partition")
    for piece in file.pieces:
        if piece.at < at or piece.stored < 0 or piece.stored + piece.length > limit:
            raise ArtifactError(f"the list of the blocks of {name} is damaged")
        if piece.at > at:
            yield Span(None, piece.at - at)
        yield Span(offset + piece.stored, piece.length)
        at = piece.at + piece.length
    if at < file.size:
        yield Span(None, file.size - at)


def _copy_out(stored: Mapping[str, Stored], anatomy: Anatomy, top: str, readable: Path) -> None:
    (readable / "databases").mkdir(parents=True)
    for relative, database in stored.items():
        if _DATABASE.fullmatch(relative):
            with (readable / relative).open("wb") as file:
                file.writelines(database.chunks())
    manifest = f"{top}/{_MANIFEST}" if top else _MANIFEST
    if manifest in anatomy.files:
        (readable / _MANIFEST).write_bytes(anatomy.read(manifest))
