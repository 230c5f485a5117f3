"""Backups read through, byte by byte: what is not what it was is named."""

from __future__ import annotations

from backup import archive
from backup.archive import ArchiveError
from backup.manifest import Manifest, ManifestError, Part, Stored
from backup.pipes import Tally
from backup.server import Server
from backup.shelf import Shelf, manifest_of
from device.errors import DeviceError


def verify(shelf: Shelf, name: str, server: Server | None) -> tuple[str, ...]:
    """What is wrong with a finished backup; nothing if it is whole."""
    try:
        found = manifest_of(shelf, name)
    except (ManifestError, OSError, DeviceError) as error:
        return (str(error),)
    wrong = ((part, damage(shelf, name, part, server)) for part in found.parts)
    return tuple(f"{part.what}: {text}" for part, text in wrong if text)


def damage(shelf: Shelf, place: str, part: Part, server: Server | None) -> str | None:
    """What is wrong with a part. Dumps are read by pg_restore, too, where there is one."""
    try:
        for stored in part.stored():
            _compare(shelf, place, stored)
        if part.files:
            with shelf.reading(place, part.files.name) as stream:
                sums = b""
                while data := stream.read(1 << 20):
                    sums += data
            with shelf.reading(place, part.data.name) as stream:
                archive.check(stream, sums)
        elif server:
            with shelf.reading(place, part.data.name) as stream:
                server.read_through(stream)
    except (ArchiveError, OSError) as error:
        return str(error)
    except DeviceError as error:
        return error.reason
    return None


def looks_whole(shelf: Shelf, name: str) -> bool:
    """Whether a finished backup has all of its files in their sizes; the bytes themselves are not read."""
    try:
        found: Manifest = manifest_of(shelf, name)
        sizes = shelf.sizes(name)
    except (ManifestError, OSError, DeviceError):
        return False
    return all(sizes.get(file.name) == file.size_bytes for part in found.parts for file in part.stored())


def _compare(shelf: Shelf, place: str, stored: Stored) -> None:
    with shelf.reading(place, stored.name) as stream:
        tally = Tally(stream)
        tally.drain()
    if (tally.size_bytes, tally.sha256) != (stored.size_bytes, stored.sha256):
        raise ArchiveError(f"{stored.name} is damaged ({tally.size_bytes} of {stored.size_bytes} bytes)")
