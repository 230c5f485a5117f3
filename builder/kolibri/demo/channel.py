"""Make the demonstration channel: a content directory that Kolibri imports like any other.

The same arguments give the same bytes on every machine: ids are derived from names, files carry no dates, nothing is
compressed, and the database is written in one transaction by one order of statements.
"""

from __future__ import annotations

import base64
import hashlib
import json
import sqlite3
import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Final

from builder.kolibri.channels import Channel, find_channels
from builder.kolibri.demo.app import lesson_app
from builder.kolibri.demo.picture import Picture
from builder.kolibri.demo.scenes import SCENES
from builder.kolibri.demo.sheet import lesson_sheet
from builder.kolibri.demo.texts import DATA, Language, Lesson, load_language

VERSION: Final = 1
"""Raise it whenever what the generator writes changes."""

_NAMESPACE: Final = uuid.UUID("6f2d1c1e-6a55-5d0c-9f38-3c2b1d6f2a10")
_NAME: Final = "Satchel: first lessons"
_AUTHOR: Final = "Satchel contributors"
_LICENCE: Final = "CC BY"
_LICENCE_LINE: Final = f"{_AUTHOR}, CC BY 4.0, creativecommons.org/licenses/by/4.0"
_SQLITE_VERSION: Final = 3_040_001
_PAGE_SIZE: Final = 4096
_BTREE_HEADERS: Final = {2: 12, 5: 12, 10: 8, 13: 8}
"""Kinds of SQLite's B-tree pages, and the bytes of their headers."""

# Kolibri's codes of learning activities (le_utils.constants.labels.learning_activities).
_READ, _PRACTICE = "wA01urpi", "VwRCom7G"


def make_demo_channel(target: Path, *, languages: Sequence[str], lessons: int) -> Channel:
    """Write the channel into the content directory `target` (`databases/` and `storage/`) and describe it.

    Args:
        target: Made if it is not there; it should hold no other channel.
        languages: Any of `en`, `fr`, `es`, `sw`; each becomes a topic.
        lessons: Lessons for each language; each becomes an app and a sheet.
    """
    channel_id = _id("channel", *languages, str(lessons))
    writer = _Writer(target=target, channel_id=channel_id)
    about = load_language("en").description
    root = writer.node(parent=None, kind="topic", title=_NAME, key=("root",), description=about)
    for code in languages:
        language = load_language(code)
        topic = writer.node(
            parent=root, kind="topic", title=language.topic, key=(code,), description=language.about, language=code
        )
        for lesson in language.lessons(lessons):
            _add_lesson(writer, topic, language, lesson)
    writer.finish()
    (channel,) = (channel for channel in find_channels(target) if channel.id == channel_id)
    return channel


def _id(*names: str) -> str:
    return uuid.uuid5(_NAMESPACE, "/".join(names)).hex


@cache
def _picture(name: str) -> Picture:
    return SCENES[name]().picture()


def _add_lesson(writer: _Writer, topic: _Node, language: Language, lesson: Lesson) -> None:
    picture = _picture(lesson.picture)
    png = picture.png()
    app = writer.node(
        parent=topic, kind="html5", title=lesson.title, key=(language.code, lesson.key, "app"),
        description=lesson.summary, language=language.code, activity=_PRACTICE, subject=lesson.subject,
    )  # fmt: skip
    writer.file(app, lesson_app(lesson, language, png), "zip", preset="html5_zip")
    writer.file(app, png, "png", preset="html5_thumbnail", thumbnail=True)
    sheet = writer.node(
        parent=topic, kind="document", title=f"{lesson.title} ({language.words['sheet']})",
        key=(language.code, lesson.key, "sheet"), description=lesson.summary, language=language.code, activity=_READ,
        subject=lesson.subject,
    )  # fmt: skip
    writer.file(sheet, lesson_sheet(lesson, language, picture, licence=_LICENCE_LINE), "pdf", preset="document")
    writer.file(sheet, png, "png", preset="document_thumbnail", thumbnail=True)


@dataclass(slots=True, kw_only=True)
class _Node:
    """A node of the tree while it grows; its place in the nested sets is known at the end."""

    id: str
    content_id: str
    kind: str
    title: str
    description: str
    language: str | None
    activity: str | None
    subject: str | None
    parent: _Node | None
    children: list[_Node] = field(default_factory=list)
    left: int = 0
    right: int = 0


class _Writer:
    """Collects nodes and files, and writes them as content schema 5."""

    def __init__(self, *, target: Path, channel_id: str) -> None:
        self._target = target
        self._channel_id = channel_id
        self._nodes: list[_Node] = []
        self._local: dict[str, tuple[str, int]] = {}
        self._files: list[tuple[object, ...]] = []

    def node(
        self, *, parent: _Node | None, kind: str, title: str, key: tuple[str, ...], description: str,
        language: str | None = None, activity: str | None = None, subject: str | None = None,
    ) -> _Node:  # fmt: skip
        """Add a node below `parent`; without one it is the root."""
        node = _Node(
            id=_id(self._channel_id, *key), content_id=_id("content", *key), kind=kind, title=title,
            description=description, language=language, activity=activity, subject=subject, parent=parent,
        )  # fmt: skip
        if parent is not None:
            parent.children.append(node)
        self._nodes.append(node)
        return node

    def file(self, node: _Node, body: bytes, extension: str, *, preset: str, thumbnail: bool = False) -> None:
        """Add a file of a node; equal files are stored once."""
        md5 = hashlib.md5(body, usedforsecurity=False).hexdigest()
        if md5 not in self._local:
            path = self._target / "storage" / md5[0] / md5[1] / f"{md5}.{extension}"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(body)
            self._local[md5] = (extension, len(body))
        supplementary = thumbnail
        self._files.append((_id(node.id, preset), preset, supplementary, thumbnail, 1, node.id, node.language, md5))

    def finish(self) -> None:
        """Write the channel database, under a temporary name first."""
        _number(self._nodes[0], 1)
        final = self._target / "databases" / f"{self._channel_id}.sqlite3"
        final.parent.mkdir(parents=True, exist_ok=True)
        temporary = final.with_suffix(".new")
        temporary.unlink(missing_ok=True)
        connection = sqlite3.connect(temporary)
        try:
            connection.execute(f"PRAGMA page_size = {_PAGE_SIZE}")
            connection.execute("PRAGMA secure_delete = ON")
            connection.executescript((DATA / "content_schema_5.sql").read_text(encoding="utf-8"))
            with connection:
                self._fill(connection)
            connection.execute("VACUUM")
        finally:
            connection.close()
        temporary.write_bytes(_without_sqlite_version(temporary.read_bytes()))
        temporary.replace(final)

    def _fill(self, connection: sqlite3.Connection) -> None:
        codes = dict.fromkeys(node.language for node in self._nodes if node.language)
        languages = [(code, code, None, load_language(code).name, "ltr") for code in codes]
        _insert(connection, "content_language", languages)
        local = [(md5, extension, False, size) for md5, (extension, size) in self._local.items()]
        _insert(connection, "content_localfile", local)
        _insert(connection, "content_contentnode", [self._row(node, order) for order, node in enumerate(self._nodes)])
        _insert(connection, "content_file", self._files)
        root = self._nodes[0]
        thumbnail = SCENES["shapes"]().picture(shrink=2).png()
        icon = f"data:image/png;base64,{base64.b64encode(thumbnail).decode()}"
        facts = (self._channel_id, _NAME, root.description, None, _AUTHOR, VERSION, icon, None, "5", root.id)
        _insert(connection, "content_channelmetadata", [facts])

    def _row(self, node: _Node, order: int) -> tuple[object, ...]:
        resource = node.kind != "topic"
        level = 0
        above = node.parent
        while above is not None:
            level, above = level + 1, above.parent
        return (
            node.id,
            _LICENCE if resource else None,
            None,
            node.title,
            False,
            node.content_id,
            self._channel_id,
            node.description,
            float(order),
            _AUTHOR if resource else "",
            _AUTHOR if resource else "",
            node.kind,
            False,
            json.dumps({}),
            None,
            None,
            node.activity,
            None,
            node.subject,
            None,
            None,
            node.left,
            node.right,
            1,
            level,
            node.language,
            node.parent.id if node.parent else None,
        )


def _number(node: _Node, left: int) -> int:
    """Give the nested-set numbers (MPTT) to a node and all below it; returns the next free number."""
    node.left = left
    following = left + 1
    for child in node.children:
        following = _number(child, following)
    node.right = following
    return following + 1


def _insert(connection: sqlite3.Connection, table: str, rows: Sequence[tuple[object, ...]]) -> None:
    marks = ", ".join("?" * len(rows[0]))
    connection.executemany(f"INSERT INTO {table} VALUES ({marks})", rows)


def _without_sqlite_version(database: bytes) -> bytes:
    """The database without what depends on the version of SQLite that wrote it, none of which is ever read.

    That is its version number in bytes 96 to 99, and leftovers in the room between the cell pointers and the cells of a
    B-tree page (https://www.sqlite.org/fileformat.html, 1.3 and 1.6).
    """
    pages = bytearray(database)
    pages[96:100] = _SQLITE_VERSION.to_bytes(4, "big")
    for start in range(0, len(pages), _PAGE_SIZE):
        header = start + (100 if start == 0 else 0)
        kind = pages[header]
        if kind in _BTREE_HEADERS:
            cells = int.from_bytes(pages[header + 3 : header + 5], "big")
            room = header + _BTREE_HEADERS[kind] + 2 * cells
            end = start + int.from_bytes(pages[header + 5 : header + 7], "big")
            pages[room:end] = bytes(end - room)
    return bytes(pages)
