"""The tree of a channel, for people who choose from it, and where in it a node or a file has its place."""

from __future__ import annotations

import sqlite3
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from builder.kolibri.channels import Channel, opened

_TOPIC = "topic"


@dataclass(frozen=True, slots=True, kw_only=True)
class Topic:
    """A topic with all that is taken of what is below it."""

    id: str
    title: str
    depth: int
    """Topics above it."""
    resources: int
    size: int
    """Bytes of their files, each once."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Mention:
    """A place in a channel: a node, or a file of one."""

    channel: str
    node: str
    kind: str
    path: tuple[str, ...]
    """Titles from the channel's root down to the node."""
    presets: tuple[str, ...]
    """What the files are for."""
    licence: str
    language: str
    taken: bool
    """Whether what is taken of the channel has it, or a part of it."""
    files: int
    size: int


def topics_of(database: Path, channel: Channel, *, depth: int | None = None) -> tuple[Topic, ...]:
    """The topics of a channel of which something is taken, in the order of its tree.

    Args:
        database: The channel's.
        channel: What is taken of it.
        depth: How many topics may lie above one that is told; any number when left out.

    Raises:
        PlanError: it is no database that Satchel can read.
    """
    return opened(database, lambda connection: _topics(connection, channel, depth))


def _topics(database: sqlite3.Connection, channel: Channel, depth: int | None) -> tuple[Topic, ...]:
    sizes = {file.md5: file.size for file in channel.files}
    files: defaultdict[str, list[str]] = defaultdict(list)
    for node, md5 in database.execute("SELECT contentnode_id, local_file_id FROM content_file"):
        files[node].append(md5)
    query = "SELECT id, kind, title, lft, rght FROM content_contentnode ORDER BY lft"
    taken = frozenset(channel.nodes)
    above: list[tuple[int, str]] = []
    found: dict[str, tuple[str, int]] = {}
    resources: defaultdict[str, int] = defaultdict(int)
    below: defaultdict[str, set[str]] = defaultdict(set)
    chosen_until = -1
    for node, kind, title, left, right in database.execute(query):
        while above and above[-1][0] < left:
            above.pop()
        if node in taken:
            chosen_until = max(chosen_until, right)
        if kind == _TOPIC:
            found[node] = (title, len(above))
            above.append((right, node))
        elif left <= chosen_until and (own := [md5 for md5 in files[node] if md5 in sizes]):
            for _, topic in above:
                resources[topic] += 1
                below[topic].update(own)
    return tuple(
        Topic(id=node, title=title, depth=level, resources=resources[node], size=sum(sizes[md5] for md5 in below[node]))
        for node, (title, level) in found.items()
        if resources[node] and (depth is None or level <= depth)
    )


def mentions_of(database: Path, channel: Channel, asked: str) -> tuple[Mention, ...]:
    """Where a channel has a file (by its MD5) or a node (by its id; the root for the channel), in its order.

    Args:
        database: The channel's.
        channel: What is taken of it.
        asked: An MD5, or the id of a node or of the channel.

    Raises:
        PlanError: it is no database that Satchel can read.
    """
    return opened(database, lambda connection: tuple(_mentions(connection, channel, asked)))


def _mentions(database: sqlite3.Connection, channel: Channel, asked: str) -> Iterator[Mention]:
    wanted = channel.root_id if asked == channel.id else asked
    query = """SELECT DISTINCT n.id, n.kind, n.lft, n.rght, n.license_name, n.lang_id FROM content_contentnode n
               LEFT JOIN content_file f ON f.contentnode_id = n.id WHERE n.id = ? OR f.local_file_id = ?
               ORDER BY n.lft"""
    file_is_taken = any(file.md5 == wanted for file in channel.files)
    for node, kind, left, right, licence, language in database.execute(query, (wanted, wanted)).fetchall():
        is_node = node == wanted
        files, size = _amount(database, left, right) if is_node else (1, _size(database, wanted))
        yield Mention(
            channel=channel.id,
            node=node,
            kind=kind,
            path=_path(database, left, right),
            presets=_presets(database, node, only=None if is_node else wanted),
            licence=licence or "",
            language=language or "",
            taken=_overlaps(database, channel, left, right) if is_node else file_is_taken,
            files=files,
            size=size,
        )


def _overlaps(database: sqlite3.Connection, channel: Channel, left: int, right: int) -> bool:
    query = "SELECT lft, rght FROM content_contentnode WHERE id = ?"
    places = (database.execute(query, (node,)).fetchone() for node in channel.nodes)
    return any(first <= right and last >= left for first, last in places)


def _path(database: sqlite3.Connection, left: int, right: int) -> tuple[str, ...]:
    query = "SELECT title FROM content_contentnode WHERE lft <= ? AND rght >= ? ORDER BY lft"
    return tuple(title for (title,) in database.execute(query, (left, right)))


def _presets(database: sqlite3.Connection, node: str, *, only: str | None) -> tuple[str, ...]:
    query = "SELECT DISTINCT preset FROM content_file WHERE contentnode_id = ? AND (? IS NULL OR local_file_id = ?)"
    return tuple(sorted(preset for (preset,) in database.execute(query, (node, only, only)) if preset))


def _amount(database: sqlite3.Connection, left: int, right: int) -> tuple[int, int]:
    """Files of a node and all that is below it, each once, and their bytes."""
    query = """SELECT count(*), coalesce(sum(file_size), 0) FROM content_localfile WHERE id IN (
               SELECT f.local_file_id FROM content_file f JOIN content_contentnode n ON n.id = f.contentnode_id
               WHERE n.lft >= ? AND n.rght <= ?)"""
    files, size = database.execute(query, (left, right)).fetchone()
    return int(files), int(size)


def _size(database: sqlite3.Connection, md5: str) -> int:
    (size,) = database.execute("SELECT file_size FROM content_localfile WHERE id = ?", (md5,)).fetchone()
    return int(size or 0)
