"""Fill a Kolibri home with channels, and prove that what was asked for is there.

Content is imported straight to where it will be read-only on the device: Kolibri annotates its database during the
import and notes no path in it, so the device needs no scan at boot. Kolibri reports success for several imports that
imported nothing; therefore nothing of what it says is believed, and everything is counted and hashed.
"""

from __future__ import annotations

import json
import os
import sqlite3
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path, PurePosixPath
from typing import Final

from builder.errors import BuildFailed
from builder.kolibri.channels import Channel, damaged_files, missing_files
from builder.kolibri.command import KolibriCommand, Runner
from builder.recipe.model import Kolibri

MARKER: Final = ".satchel-content.json"
"""Beside the content: proof that the partition is mounted, and what it carries."""

_SHOWN: Final = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """Channels to import, and where the tree's programs find them."""

    inside: str
    """A path in the tree; the content directory is `inside`/content."""
    channels: tuple[Channel, ...]


def prepare_home(
    runner: Runner,
    *,
    tree: Path,
    kolibri: Kolibri,
    sources: Sequence[Source],
    epoch: int,
    advance: Callable[[int], None] = lambda _size: None,
) -> tuple[Channel, ...]:
    """Make `kolibri.home` and import every channel into `kolibri.content`; returns the channels that are there now.

    The home is left unsealed (see `seal`), with an empty, writable `content/` of its own for channels added later.
    `epoch` is when the channels were imported, as far as their users will know, in seconds since 1970; `advance` is
    told the bytes of each channel that was imported.

    Raises:
        CommandFailed: Kolibri could not import a channel.
        BuildFailed: it said that it could, and the result is not what the source promises.
    """
    home, content = in_tree(tree, kolibri.home), in_tree(tree, kolibri.content)
    owner = account(tree, kolibri.user)
    for directory in (home, home / "content", content):
        directory.mkdir(parents=True, exist_ok=True)
        os.chown(directory, *owner)
    home.chmod(0o750)

    command = KolibriCommand(runner=runner, kolibri=kolibri)
    imported: dict[str, Channel] = {}
    for source in sources:
        for channel in source.channels:
            if channel.id in imported:
                raise BuildFailed(
                    f"two sources hold the channel {channel.name}", hint=f"take {channel.id} from one of them only"
                )
            _import(command, source.inside, channel)
            imported[channel.id] = channel
            advance(channel.size)
    channels = tuple(imported.values())
    if channels:
        _verify(home, content, channels)
        _date(command, channels, epoch)
    for path in _everything(content):
        os.chown(path, 0, 0, follow_symlinks=False)
        path.chmod(0o755 if path.is_dir() else 0o644)
    return channels


def write_marker(tree: Path, *, mount: str, channels: Sequence[Channel]) -> Path:
    """Note in the content partition mounted at `mount` what it carries."""
    facts = {
        "satchel": 1,
        "channels": [
            {
                "id": channel.id,
                "name": channel.name,
                "version": channel.version,
                "resources": channel.resources,
                "languages": channel.languages,
                "files": len(channel.files),
                "bytes": channel.size,
            }
            for channel in sorted(channels, key=lambda channel: channel.id)
        ],
    }
    marker = in_tree(tree, mount) / MARKER
    marker.parent.mkdir(parents=True, exist_ok=True)
    marker.write_text(json.dumps(facts, ensure_ascii=False, indent=2) + "\n", encoding="utf-8")
    return marker


def in_tree(tree: Path, path: str) -> Path:
    """The host's path of a path on the device."""
    return tree / PurePosixPath(path).relative_to("/")


def account(tree: Path, user: str) -> tuple[int, int]:
    """User and group id of an account of the tree.

    Raises:
        BuildFailed: the tree has no such account.
    """
    for line in (tree / "etc/passwd").read_text(encoding="utf-8").splitlines():
        name, _, uid, gid, *_ = line.split(":")
        if name == user:
            return int(uid), int(gid)
    raise BuildFailed(f"the tree has no user {user}", hint="name it under `users:`, with `system: true`")


def _import(command: KolibriCommand, inside: str, channel: Channel) -> None:
    content = command.kolibri.content
    command.manage(
        "importchannel", "disk", channel.id, inside, why=f"import the channel {channel.name}", content=content
    )  # fmt: skip
    # Kolibri reads the source's manifest.json unasked, and imports nothing of a channel that is not named there.
    whole = () if channel.partial else ("--no_detect_manifest",)
    command.manage(
        "importcontent", "--fail-on-error", "disk", channel.id, inside, *whole,
        why=f"import the content of {channel.name}", content=content,
    )  # fmt: skip


def _verify(home: Path, content: Path, channels: Sequence[Channel]) -> None:
    problems = []
    available = available_resources(home)
    for channel in channels:
        found = available.get(channel.id, 0)
        if found != channel.resources:
            problems.append(f"{channel.name}: {found} resources are available instead of {channel.resources}")
        problems += missing_files(content, channel) or damaged_files(content, channel)
    expected = {file.path for channel in channels for file in channel.files}
    expected |= {Path("databases", f"{channel.id}.sqlite3") for channel in channels}
    there = {path.relative_to(content) for path in content.rglob("*") if path.is_file()}
    problems += [f"{path} was imported but belongs to no channel" for path in sorted(there - expected)]
    if problems:
        more = f"\nand {len(problems) - _SHOWN} more" if len(problems) > _SHOWN else ""
        raise BuildFailed("the imported content is not what its source promises",
                          details="\n".join(problems[:_SHOWN]) + more)  # fmt: skip


def _date(command: KolibriCommand, channels: Sequence[Channel], epoch: int) -> None:
    """Replace the two values that Kolibri takes from the clock, so that the same channels give the same database.

    The cache key tells browsers whether the content is another; here it follows from what the content is.
    """
    moment = datetime.fromtimestamp(epoch, UTC).strftime("%Y-%m-%d %H:%M:%S.%f(UTC)")
    facts = sorted((channel.id, channel.version, [file.name for file in channel.files]) for channel in channels)
    key = zlib.crc32(json.dumps(facts).encode())
    command.rewrite_database(
        ("UPDATE content_channelmetadata SET last_updated = ?", (moment,)),
        ("UPDATE device_contentcachekey SET key = ?", (key >> 1,)),
        why="date the imports",
    )


def available_resources(home: Path) -> dict[str, int]:
    """Resources that the home's Kolibri would show, by channel id."""
    query = """SELECT channel_id, count(*) FROM content_contentnode WHERE available AND kind <> 'topic'
               GROUP BY channel_id"""
    with closing(sqlite3.connect(home / "db.sqlite3")) as database:
        return dict(database.execute(query))


def _everything(directory: Path) -> Iterator[Path]:
    yield directory
    yield from directory.rglob("*")
