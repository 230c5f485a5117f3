"""Read the channels of an exported drive or a content directory, without Kolibri.

Used for sizes, plans, keys and proofs, before anything is imported. What counts as a resource, and which files it
needs, follows Kolibri 0.19 (kolibri/core/content/utils/import_export_content.py): resources that Kolibri can show, all
their files, and the files of the topics around them.
"""

from __future__ import annotations

import hashlib
import json
import re
import sqlite3
from collections.abc import Iterable, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from builder.errors import PlanError

RENDERABLE: Final = frozenset(
    {
        "audio", "bloompub", "document", "epub", "exercise", "h5p", "high_res_video", "html5_zip", "imscp_zip",
        "low_res_video", "qti", "slideshow_manifest",
    }
)  # fmt: skip
"""File presets that Kolibri's viewers show (`ContentRendererHook.presets`); resources without one are not imported."""

_CHANNEL_FILE = re.compile(r"[0-9a-f]{32}\.sqlite3")


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
    partial: bool
    """The source's manifest.json offers only a part of the channel."""

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
    return tuple(_read(path, offered.get(path.stem)) for path in databases if not only or path.stem in only)


def digest(directory: Path, channels: Iterable[Channel]) -> str:
    """What an import of the channels depends on: their databases, what the source offers of them, and their files.

    The names of files are MD5s of their bytes, which the build verifies; their bytes are not read here.
    """
    content = content_directory(directory)
    offered = _manifest(content)
    total = hashlib.sha256()
    for channel in channels:
        with (content / "databases" / f"{channel.id}.sqlite3").open("rb") as file:
            total.update(hashlib.file_digest(file, "sha256").digest())
        # Which nodes a source offers does not follow from the files: two of them can share all of theirs.
        nodes = sorted(offered[channel.id]) if channel.partial else ["all"]
        total.update(f"{' '.join(nodes)}\n".encode())
        total.update("".join(f"{file.name} {file.size}\n" for file in channel.files).encode())
    return total.hexdigest()


def offered_nodes(directory: Path) -> dict[str, frozenset[str]]:
    """The nodes that a drive offers of its channels, by id; a channel that is not named is offered whole."""
    return _manifest(content_directory(directory))


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


def damaged_files(directory: Path, channel: Channel) -> tuple[str, ...]:
    """Sentences about files whose bytes do not have the MD5 that they are named by. Reads all of them."""
    content = content_directory(directory)
    problems = []
    for file in channel.files:
        with (content / file.path).open("rb") as stream:
            found = hashlib.file_digest(stream, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()
        if found != file.md5:
            problems.append(f"{file.path} has MD5 {found}")
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


@dataclass(frozen=True, slots=True)
class _Place:
    """A node's place in the nested sets."""

    id: str
    kind: str
    left: int
    right: int


def _read(path: Path, offered: frozenset[str] | None) -> Channel:
    try:
        # `immutable`: a drive may be read-only, and reading must never leave a -wal or -shm file on it.
        with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro&immutable=1", uri=True)) as database:
            return _channel(database, path, offered)
    except sqlite3.Error as error:
        raise PlanError(
            f"{path} is not a channel database that Satchel can read: {error}",
            hint="export the channel again with a Kolibri of version 0.15 or later",
        ) from error


def _channel(database: sqlite3.Connection, path: Path, offered: frozenset[str] | None) -> Channel:
    facts = database.execute("SELECT id, root_id, name, version FROM content_channelmetadata").fetchone()
    if facts is None or facts[0] != path.stem:
        raise PlanError(f"{path} does not describe the channel that it is named after")
    rows = database.execute("SELECT id, kind, lft, rght FROM content_contentnode ORDER BY lft").fetchall()
    places = [_Place(*row) for row in rows]
    if offered is not None:
        places = _below(places, offered)
    shown = {
        node
        for node, preset in database.execute("SELECT contentnode_id, preset FROM content_file")
        if preset in RENDERABLE
    }
    resources = [place for place in places if place.kind != "topic" and place.id in shown]
    topics = _around(resources, [_Place(*row) for row in rows])
    wanted = {place.id for place in (*resources, *topics)}
    kept = {place.id for place in resources}
    files: dict[str, ContentFile] = {}
    query = """SELECT f.contentnode_id, l.id, l.extension, l.file_size
               FROM content_file f JOIN content_localfile l ON l.id = f.local_file_id"""
    for node, md5, extension, size in database.execute(query):
        if node in wanted:
            files[md5] = ContentFile(name=f"{md5}.{extension}", size=size or 0)
    details = database.execute("SELECT id, lang_id, license_name FROM content_contentnode").fetchall()
    return Channel(
        id=facts[0],
        root_id=facts[1],
        name=facts[2],
        version=facts[3],
        languages=tuple(sorted({language for node, language, _ in details if node in kept and language})),
        licences=tuple(sorted({licence for node, _, licence in details if node in kept and licence})),
        resources=len(resources),
        files=tuple(sorted(files.values())),
        database_size=path.stat().st_size,
        partial=offered is not None and facts[1] not in offered,
    )


def _below(places: Sequence[_Place], offered: frozenset[str]) -> list[_Place]:
    """The offered nodes and everything below them; `places` are in tree order."""
    found = []
    end = -1
    for place in places:
        if place.id in offered:
            end = max(end, place.right)
        if place.left <= end:
            found.append(place)
    return found


def _around(resources: Sequence[_Place], places: Sequence[_Place]) -> list[_Place]:
    """The topics that Kolibri takes along with the resources, for their thumbnails."""
    if not resources:
        return []
    first, last = min(place.left for place in resources), max(place.right for place in resources)
    return [place for place in places if place.kind == "topic" and place.left <= last and place.right >= first]
