"""A large channel for measurements: seeded, so that the same arguments give the same bytes."""

from __future__ import annotations

import hashlib
import random
import sqlite3
import uuid
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from builder.kolibri.channels import Channel, find_channels
from builder.kolibri.demo.texts import DATA
from builder.units import MIB

_NAMESPACE: Final = uuid.UUID("0c4a6b1a-9f0e-5b57-8a55-6f0d2a8f4c11")
_A_TOPIC: Final = 100
"""Resources in each topic."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """How many files of which sizes."""

    name: str
    small: int
    small_bytes: tuple[int, int] = (500, 20_000)
    """From and to."""
    large: int = 0
    large_bytes: int = 64 * MIB


SMALL: Final = Shape(name="20,000 small files", small=20_000)
MIXED: Final = Shape(name="2,000 small and 8 large files", small=2000, large=8)
LARGE: Final = Shape(name="4 GiB in large files", small=0, large=64)

SHAPES: Final = {shape.name: shape for shape in (SMALL, MIXED, LARGE)}


def make_channel(drive: Path, shape: Shape) -> Channel:
    """Write a channel of documents and videos as a drive holds it; returns it as `find_channels` reads it."""
    content = drive / "content"
    channel = uuid.uuid5(_NAMESPACE, repr(shape)).hex
    stored = [_store(content, body, extension) for body, extension in _bodies(shape)]
    database = content / "databases" / f"{channel}.sqlite3"
    database.parent.mkdir(parents=True)
    with closing(sqlite3.connect(database)) as connection, connection:
        connection.executescript((DATA / "content_schema_5.sql").read_text(encoding="utf-8"))
        _fill(connection, channel, shape.name, stored)
    (found,) = find_channels(drive)
    return found


def _bodies(shape: Shape) -> Iterator[tuple[bytes, str]]:
    source = random.Random(repr(shape))
    for _ in range(shape.small):
        yield source.randbytes(source.randint(*shape.small_bytes)), "pdf"
    for _ in range(shape.large):
        yield source.randbytes(shape.large_bytes), "mp4"


def _store(content: Path, body: bytes, extension: str) -> tuple[str, str, int]:
    md5 = hashlib.md5(body, usedforsecurity=False).hexdigest()
    path = content / "storage" / md5[0] / md5[1] / f"{md5}.{extension}"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(body)
    return md5, extension, len(body)


def _fill(connection: sqlite3.Connection, channel: str, name: str, stored: Sequence[tuple[str, str, int]]) -> None:
    def row(node: str, kind: str, *, left: int, right: int, level: int, parent: str | None) -> dict[str, object]:
        return {
            "id": node, "title": f"{kind} {left}", "coach_content": 0, "content_id": node, "channel_id": channel,
            "description": "", "sort_order": float(left), "license_owner": "", "author": "", "kind": kind,
            "available": 0, "options": "{}", "lft": left, "rght": right, "tree_id": 1, "level": level,
            "parent_id": parent,
        }  # fmt: skip

    root = uuid.uuid5(_NAMESPACE, f"{channel} root").hex
    nodes, files = [], []
    left = 2
    for start in range(0, len(stored), _A_TOPIC):
        topic, some = uuid.uuid5(_NAMESPACE, f"{channel} topic {start}").hex, stored[start : start + _A_TOPIC]
        nodes.append(row(topic, "topic", left=left, right=left + 2 * len(some) + 1, level=1, parent=root))
        for at, (md5, extension, _) in enumerate(some):
            node = uuid.uuid5(_NAMESPACE, f"{channel} {start + at}").hex
            kind, preset = ("video", "high_res_video") if extension == "mp4" else ("document", "document")
            nodes.append(row(node, kind, left=left + 1 + 2 * at, right=left + 2 + 2 * at, level=2, parent=topic))
            files.append((uuid.uuid5(_NAMESPACE, node).hex, preset, 0, 0, 1, node, None, md5))
        left += 2 * len(some) + 2
    nodes.insert(0, row(root, "topic", left=1, right=left, level=0, parent=None))
    columns = tuple(nodes[0])
    connection.executemany(
        f"INSERT INTO content_contentnode ({', '.join(columns)}) VALUES ({', '.join(f':{each}' for each in columns)})",
        nodes,
    )
    connection.executemany("INSERT INTO content_localfile VALUES (?, ?, 0, ?)", stored)
    connection.executemany("INSERT INTO content_file VALUES (?, ?, ?, ?, ?, ?, ?, ?)", files)
    facts = (channel, name, "for measurements", None, "", 1, "", None, "5", root)
    connection.execute("INSERT INTO content_channelmetadata VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", facts)
