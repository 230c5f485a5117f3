"""Read the channels of an exported drive or a content directory, without Kolibri.

Used for sizes, plans, keys and proofs, before anything is imported. What is taken of a channel is decided in
`selection`.
"""

from __future__ import annotations

import hashlib
import json
import re
import sqlite3
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TypeVar

from builder.errors import PlanError
from builder.kolibri.selection import Choice, Node, Selection, select

_CHANNEL_FILE: Final = re.compile(r"[0-9a-f]{32}\.sqlite3")
_FILE_NAME: Final = re.compile(r"[0-9a-f]{32}\.[A-Za-z0-9]{1,16}")
_SCHEMA: Final = 5
"""The newest content schema of Kolibri 0.19 (kolibri/core/content/contentschema/versions)."""

_Read = TypeVar("_Read")


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class ContentFile:
    """A file of content: its name is the MD5 of its bytes, and says where it is stored."""

    name: str
    size: int

    @property
    def md5(self) -> str:
        """What its bytes must hash to."""
        return self.name.partition(".")[0]

    @property
    def is_named_well(self) -> bool:
        """Whether the name is an MD5 with an ending, and so no way out of a directory."""
        return _FILE_NAME.fullmatch(self.name) is not None

    @property
    def path(self) -> Path:
        """Its place below a content directory."""
        return Path("storage", self.name[0], self.name[1], self.name)


@dataclass(frozen=True, slots=True, kw_only=True)
class Channel:
    """A channel as one source holds it."""

    id: str
    root_id: str
    name: str
    version: int
    languages: tuple[str, ...]
    licences: tuple[str, ...]
    resources: int
    """Resources that will be available after the import."""
    files: tuple[ContentFile, ...]
    """Files that the resources need, each once."""
    database_size: int
    nodes: tuple[str, ...]
    """The selected resources, with a topic in the place of all that is below it: the root when all of it is taken."""
    unrenderable: bool
    """Whether resources that Kolibri cannot show are among them."""
    all_thumbnails: bool
    """Whether thumbnails of resources that are not taken are."""

    @property
    def partial(self) -> bool:
        """Whether something was left out on purpose, or because the source does not have it."""
        return self.nodes != (self.root_id,)

    @property
    def choice(self) -> Choice:
        """What selects the same again from the same database."""
        return Choice(include=self.nodes, unrenderable=self.unrenderable, all_thumbnails=self.all_thumbnails)

    @property
    def size(self) -> int:
        """Bytes of its files and its database."""
        return self.database_size + sum(file.size for file in self.files)


def content_directory(directory: Path) -> Path:
    """The directory with `databases/` and `storage/` in a drive, a KOLIBRI_DATA folder or at `directory` itself.

    Raises:
        PlanError: there is none.
    """
    candidates = (directory, directory / "content", directory / "KOLIBRI_DATA" / "content")
    for candidate in candidates:
        if (candidate / "databases").is_dir():
            return candidate
    raise PlanError(
        f"{directory} holds no Kolibri content",
        details="\n".join(f"no {candidate / 'databases'}" for candidate in candidates),
        hint="give the root of a drive exported by Kolibri, its KOLIBRI_DATA folder, or a content directory",
    )


def listed(directory: Path) -> tuple[tuple[str, str, int], ...]:
    """Id, name and version of every channel of `directory` (see `content_directory`), by id.

    One whose database cannot be read has no name and version 0, so that it does not hide the others; whoever takes it
    is told why.

    Raises:
        PlanError: there is no content.
    """
    found = sorted((content_directory(directory) / "databases").iterdir())
    return tuple(_listed(path) for path in found if _CHANNEL_FILE.fullmatch(path.name))


def _listed(path: Path) -> tuple[str, str, int]:
    try:
        return opened(path, _title)
    except PlanError:
        return path.stem, "", 0


def _title(database: sqlite3.Connection) -> tuple[str, str, int]:
    return database.execute("SELECT id, name, version FROM content_channelmetadata").fetchone()  # type: ignore[no-any-return]


def find_channels(directory: Path, *, only: Sequence[str] = ()) -> tuple[Channel, ...]:
    """The channels of `directory` (see `content_directory`), by id; those named in `only` when it is not empty.

    Raises:
        PlanError: there is no content, a channel of `only` is not there, or a database cannot be read.
    """
    content = content_directory(directory)
    databases = sorted(path for path in (content / "databases").iterdir() if _CHANNEL_FILE.fullmatch(path.name))
    there = {path.stem for path in databases}
    missing = [channel for channel in only if channel not in there]
    if missing or not databases:
        raise PlanError(
            f"{content} does not hold channel {', '.join(missing)}" if missing else f"{content} holds no channel",
            details=f"channels there: {', '.join(sorted(there))}" if there else None,
        )
    offered = _manifest(content)
    wanted = (path for path in databases if not only or path.stem in only)
    return tuple(read_channel(path, Choice(), offered=offered.get(path.stem)) for path in wanted)


def database_path(content: Path, channel: str) -> Path:
    """Where a content directory keeps the database of a channel."""
    return content / "databases" / f"{channel}.sqlite3"


def offered_nodes(directory: Path, channel: str) -> frozenset[str] | None:
    """Nodes of a channel that the manifest.json of an export offers; None when it offers all, or there is none."""
    return _manifest(content_directory(directory)).get(channel)


def files_digest(channel: Channel) -> str:
    """The SHA-256 of the list of a channel's files: their names, which are MD5s of their bytes, and their sizes."""
    return hashlib.sha256("".join(f"{file.name} {file.size}\n" for file in channel.files).encode()).hexdigest()


def missing_files(directory: Path, channel: Channel) -> tuple[str, ...]:
    """Sentences about files of the channel that are absent or of the wrong size; empty when all is well."""
    content = content_directory(directory)
    problems = []
    for file in channel.files:
        path = content / file.path
        if not path.is_file():
            problems.append(f"{file.path} is missing")
        elif path.stat().st_size != file.size:
            problems.append(f"{file.path} has {path.stat().st_size} bytes instead of {file.size}")
    return tuple(problems)


def _manifest(content: Path) -> dict[str, frozenset[str]]:
    """Node ids that the source offers, by channel; a channel that is not named there is offered whole."""
    path = content / "manifest.json"
    if not path.exists():
        return {}
    try:
        entries = json.loads(path.read_text(encoding="utf-8"))["channels"]
        offered: dict[str, frozenset[str]] = {}
        for entry in entries:
            offered[entry["id"]] = offered.get(entry["id"], frozenset()) | frozenset(entry["include_node_ids"])
    except (ValueError, KeyError, TypeError) as error:
        raise PlanError(f"{path} is not a Kolibri content manifest: {error!r}") from error
    return offered


def read_channel(path: Path, choice: Choice, *, offered: frozenset[str] | None = None, named: str = "") -> Channel:
    """What is taken of the channel in a database file.

    Args:
        path: The database.
        choice: What the recipe wants of it.
        offered: Nodes that the source has; None if it has all of them.
        named: The id of the channel that it must be; the name of the file when left out.

    Raises:
        PlanError: it is no such database, or is of a content schema that Satchel cannot read, or has not got what the
            choice names.
    """
    return opened(path, lambda database: _channel(database, path, choice, offered, named or path.stem))


def opened(path: Path, read: Callable[[sqlite3.Connection], _Read]) -> _Read:
    """What `read` makes of a channel database, which is never written to.

    Raises:
        PlanError: it is no such database, or is of a content schema that Satchel cannot read.
    """
    try:
        # `immutable`: a drive may be read-only, and reading must never leave a -wal or -shm file on it.
        with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro&immutable=1", uri=True)) as database:
            _refuse_newer(database, path)
            return read(database)
    except (sqlite3.Error, ValueError, TypeError) as error:
        raise PlanError(
            f"{path} is not a channel database that Satchel can read: {error}",
            hint="export the channel again with a Kolibri of version 0.15 or later",
        ) from error


def _refuse_newer(database: sqlite3.Connection, path: Path) -> None:
    (needs,) = database.execute("SELECT min_schema_version FROM content_channelmetadata").fetchone()
    if int(needs) > _SCHEMA:
        raise PlanError(
            f"the channel {path.stem} is written for content schema {needs}; Satchel reads up to {_SCHEMA}",
            hint="a newer Kolibri and a newer Satchel are needed for it",
        )


def _channel(
    database: sqlite3.Connection, path: Path, choice: Choice, offered: frozenset[str] | None, named: str
) -> Channel:
    facts = database.execute("SELECT id, root_id, name, version FROM content_channelmetadata").fetchone()
    if facts is None or facts[0] != named:
        raise PlanError(f"{path} is the database of another channel than {named}")
    rows = database.execute("SELECT id, kind, lft, rght, lang_id FROM content_contentnode ORDER BY lft").fetchall()
    nodes = [Node(*row) for row in rows]
    presets = database.execute("SELECT contentnode_id, preset FROM content_file").fetchall()
    chosen = select(nodes, presets, choice, offered=offered, channel=facts[2])
    files = _files(database, chosen, choice)
    details = database.execute("SELECT id, license_name FROM content_contentnode WHERE kind <> 'topic'").fetchall()
    languages = {node.language for node in nodes if node.id in chosen.resources and node.language}
    return Channel(
        id=facts[0],
        root_id=facts[1],
        name=facts[2],
        version=facts[3],
        languages=tuple(sorted(languages)),
        licences=tuple(sorted({licence for node, licence in details if node in chosen.resources and licence})),
        resources=len(chosen.resources),
        files=files,
        database_size=path.stat().st_size,
        nodes=chosen.cover,
        unrenderable=choice.unrenderable,
        all_thumbnails=choice.all_thumbnails,
    )


def _files(database: sqlite3.Connection, chosen: Selection, choice: Choice) -> tuple[ContentFile, ...]:
    query = """SELECT f.contentnode_id, f.thumbnail, l.id, l.extension, l.file_size
               FROM content_file f JOIN content_localfile l ON l.id = f.local_file_id"""
    wanted = chosen.resources | chosen.topics
    files: dict[str, ContentFile] = {}
    for node, thumbnail, md5, extension, size in database.execute(query):
        if node in wanted or (choice.all_thumbnails and thumbnail):
            files[md5] = ContentFile(name=f"{md5}.{extension}", size=size or 0)
            if not files[md5].is_named_well:
                raise ValueError(f"a file named {files[md5].name!r}")
    return tuple(sorted(files.values()))
