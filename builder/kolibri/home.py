"""Fill a Kolibri home with channels, and prove that what was asked for is there.

Content lies where it will be read-only on the device when Kolibri imports it: its database is annotated and notes no
path, and a file that is there is not copied, so the device needs no scan at boot. Kolibri reports success for several
imports that imported nothing; therefore nothing of what it says is believed, and everything is counted.
"""

from __future__ import annotations

import json
import os
import sqlite3
import zlib
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path, PurePosixPath
from typing import Final

from builder.errors import BuildFailed
from builder.kolibri.channels import Channel, missing_files
from builder.kolibri.command import KolibriCommand, Runner
from builder.kolibri.traces import opened
from builder.recipe.model import Kolibri

_SHOWN: Final = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Preloaded:
    """Channels that lie in `kolibri.content` already, and where the tree's programs find them; paths in the tree."""

    source: str
    """The same content as a drive: it lies in `source`/content."""
    room: str
    """A directory that Kolibri may write to, and in which `storage` is that of the content. It is thrown away."""
    channels: tuple[Channel, ...]


def prepare_home(
    runner: Runner,
    *,
    tree: Path,
    kolibri: Kolibri,
    preloaded: Preloaded,
    epoch: int,
    advance: Callable[[int], None] = lambda _size: None,
) -> None:
    """Make `kolibri.home` and tell it of every channel in `kolibri.content`.

    The home is left unsealed (see `seal`), with an empty, writable `content/` of its own for channels added later.
    `epoch` is when the channels were imported, as far as their users will know, in seconds since 1970; `advance` is
    told the resources of each channel that was imported.

    Raises:
        CommandFailed: Kolibri could not import a channel.
        BuildFailed: it said that it could, and the result is not what the content promises.
    """
    home, content = in_tree(tree, kolibri.home), in_tree(tree, kolibri.content)
    owner = account(tree, kolibri.user)
    for directory in (home, home / "content"):
        directory.mkdir(parents=True, exist_ok=True)
        os.chown(directory, *owner)
    home.chmod(0o750)

    command = KolibriCommand(runner=runner, kolibri=kolibri)
    for channel in preloaded.channels:
        _import(command, preloaded, channel)
        advance(channel.resources)
    if preloaded.channels:
        _verify(home, content, preloaded.channels)
        _date(command, preloaded.channels, epoch)


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


def _import(command: KolibriCommand, preloaded: Preloaded, channel: Channel) -> None:
    """Kolibri finds every file in its place already, so it copies none."""
    command.manage(
        "importchannel", "disk", channel.id, preloaded.source,
        why=f"import the channel {channel.name}", room=preloaded.room,
    )  # fmt: skip
    wide = {"--include-unrenderable-content": channel.unrenderable, "--all-thumbnails": channel.all_thumbnails}
    more = (option for option, wanted in wide.items() if wanted)
    command.manage(
        "importcontent", "--fail-on-error", *more, "disk", channel.id, preloaded.source,
        why=f"import the content of {channel.name}", room=preloaded.room,
    )  # fmt: skip


def _verify(home: Path, content: Path, channels: Sequence[Channel]) -> None:
    problems = []
    available = available_resources(home)
    for channel in channels:
        found = available.get(channel.id, 0)
        if found != channel.resources:
            problems.append(f"{channel.name}: {found} resources are available instead of {channel.resources}")
        problems += missing_files(content, channel)
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


def available_nodes(home: Path, channel: str) -> frozenset[str]:
    """Ids of the resources of a channel that a home has, whether its Kolibri runs or not."""
    query = "SELECT id FROM content_contentnode WHERE channel_id = ? AND available AND kind <> 'topic'"
    with opened(home / "db.sqlite3") as database:
        return frozenset(node for (node,) in database.execute(query, (channel,)))
