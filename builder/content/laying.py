"""Lay channels out as a content directory, without copying a file: each gets a further name in the pool.

The directory is what an export by Kolibri is, with a manifest.json, so whatever reads drives reads it. It follows from
the channels alone; neither Kolibri's version nor the day of the build changes a byte of it.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from builder.content.pool.pool import DATE_S, ContentPool
from builder.disk.ext4_size import Coming
from builder.errors import BuildFailed
from builder.kolibri.channels import Channel, database_path, read_channel
from builder.kolibri.selection import Choice

MARKER: Final = ".satchel-content.json"
"""Beside the content: proof that the partition is mounted, and what it carries."""

_MANIFEST: Final = "manifest.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Piece:
    """A channel with its database."""

    database: Path
    channel: Channel


def lay_content(
    content: Path, pieces: Sequence[Piece], pool: ContentPool, *, advance: Callable[[int], None] = lambda _size: None
) -> None:
    """Fill the empty directory `content` (of the pool's file system) with channels whose files are all in the pool.

    Raises:
        BuildFailed: two pieces are the same channel.
        ArtifactError: a file is not in the pool.
    """
    _refuse_repeats([piece.channel for piece in pieces])
    (content / "databases").mkdir(parents=True)
    (content / "storage").mkdir()
    for piece in sorted(pieces, key=lambda piece: piece.channel.id):
        target = database_path(content, piece.channel.id)
        shutil.copyfile(piece.database, target)
        target.chmod(0o644)
    files = sorted({file for piece in pieces for file in piece.channel.files})
    for directory in sorted({file.path.parent for file in files}):
        (content / directory).mkdir(parents=True)
    for file in files:
        pool.link(file, content / file.path)
        advance(file.size)
    (content / _MANIFEST).write_bytes(_manifest([piece.channel for piece in pieces]))


def write_marker(mount: Path, channels: Iterable[Channel]) -> None:
    """Note at the mount point of a content partition what it carries."""
    (mount / MARKER).write_bytes(_marker(channels))


def will_lie(place: str, channels: Sequence[Channel]) -> Iterator[Coming]:
    """Every file that `lay_content` and `write_marker` will make, relative to the mount point.

    Args:
        place: The content directory, relative to the mount point.
        channels: Channels whose files need not be here yet.
    """
    content = Path(place)
    for channel in channels:
        yield Coming(path=database_path(content, channel.id).as_posix(), size=channel.database_size)
    for file in {file for channel in channels for file in channel.files}:
        # A tree of plain files may have it, too, and then it is one file with two names.
        yield Coming(path=(content / file.path).as_posix(), size=file.size, same=file.name)
    yield Coming(path=(content / _MANIFEST).as_posix(), size=len(_manifest(channels)))
    yield Coming(path=MARKER, size=len(_marker(channels)))


def laid_out(content: Path, mount: Path) -> tuple[Channel, ...]:
    """The channels that `lay_content` laid out in `content`, as the marker at `mount` describes them."""
    facts = {fact["id"]: fact for fact in json.loads((mount / MARKER).read_text(encoding="utf-8"))["channels"]}
    offers = json.loads((content / _MANIFEST).read_text())["channels"]
    return tuple(
        read_channel(
            database_path(content, offer["id"]),
            Choice(
                include=tuple(offer["include_node_ids"]),
                unrenderable=facts[offer["id"]]["unrenderable"],
                all_thumbnails=facts[offer["id"]]["all_thumbnails"],
            ),
        )
        for offer in offers
    )


def settle_dates(top: Path) -> None:
    """Give everything below a directory, and itself, the date and modes of content; files of the pool have them."""
    for directory, _, names in os.walk(top, topdown=False):
        for name in names:
            path = Path(directory, name)
            # The pool's own files cannot be written, and have their date.
            if path.stat().st_mode & 0o222:
                path.chmod(0o644)
                os.utime(path, (DATE_S, DATE_S))
        Path(directory).chmod(0o755)
        os.utime(directory, (DATE_S, DATE_S))


def _refuse_repeats(channels: Sequence[Channel]) -> None:
    seen: set[str] = set()
    for channel in channels:
        if channel.id in seen:
            raise BuildFailed(
                f"two entries of `content` hold the channel {channel.name}",
                hint=f"take {channel.id} in one of them only",
            )
        seen.add(channel.id)


def _manifest(channels: Sequence[Channel]) -> bytes:
    offer = {"channels": [_offer(channel) for channel in channels], "channel_list_hash": ""}
    return (json.dumps(offer, indent=1, sort_keys=True) + "\n").encode()


def _marker(channels: Iterable[Channel]) -> bytes:
    facts = {"satchel": 1, "channels": [_fact(channel) for channel in sorted(channels, key=lambda each: each.id)]}
    return (json.dumps(facts, ensure_ascii=False, indent=2) + "\n").encode()


def _offer(channel: Channel) -> dict[str, object]:
    return {"id": channel.id, "version": channel.version, "include_node_ids": list(channel.nodes)}


def _fact(channel: Channel) -> dict[str, object]:
    return {
        "id": channel.id,
        "name": channel.name,
        "version": channel.version,
        "resources": channel.resources,
        "languages": channel.languages,
        "licences": channel.licences,
        "files": len(channel.files),
        "bytes": channel.size,
        "unrenderable": channel.unrenderable,
        "all_thumbnails": channel.all_thumbnails,
    }
