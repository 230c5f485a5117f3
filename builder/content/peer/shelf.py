"""What a server of content has to offer: channels, as real as their files, and where the bytes of each file lie."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from builder.content.peer.holding import Holding, in_directory, in_image
from builder.content.peer.stored import Stored
from builder.errors import ArtifactError, PlanError
from builder.kolibri.channels import Channel, find_channels


@dataclass(frozen=True, slots=True, kw_only=True)
class Body:
    """What can be asked for by its path below /content/."""

    stored: Stored
    md5: str


@dataclass(frozen=True, slots=True, kw_only=True)
class About:
    """What a channel says of itself beyond what `Channel` knows."""

    description: str
    tagline: str | None
    author: str
    thumbnail: str
    last_updated: str | None
    language: str | None
    language_name: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """A channel that can be had here."""

    channel: Channel
    about: About
    resources: int
    """Resources of which there is something to show."""
    files: int
    size: int
    """Bytes of these files, without the database."""
    lacking: int
    """Files that the channel should have and that are not there, or not whole."""

    @property
    def rank(self) -> tuple[int, int]:
        """Higher is better, among offers of one channel."""
        return self.channel.version, self.resources


@dataclass(frozen=True, slots=True, kw_only=True)
class Shelf:
    """Everything that is offered."""

    called: tuple[str, ...]
    """What it was found in."""
    offers: tuple[Offer, ...]
    bodies: Mapping[str, Body]
    """By the path below /content/. Nothing else is ever given to anybody."""
    md5s: frozenset[str]
    """Of all content files."""


def shelf_of_directory(directory: Path, *, only: Sequence[str] = ()) -> Shelf:
    """The channels of a drive, a KOLIBRI_DATA folder, a Kolibri home or a content directory.

    Raises:
        PlanError: there is no content, no channel, or none that is named in `only`; a database cannot be read.
    """
    return _shelf((in_directory(directory),), only)


def shelf_of_image(image: Path, *, only: Sequence[str] = ()) -> Shelf:
    """The channels inside an image, whole or split, or on a card; their files are not copied out.

    Raises:
        ArtifactError: it is no image, or damaged.
        PlanError: there is no content in it, or no channel that is named in `only`.
    """
    with in_image(image) as holdings:
        try:
            return _shelf(holdings, only)
        except sqlite3.Error as error:
            raise ArtifactError(f"a channel in {image} cannot be read: {error}") from error


def _shelf(holdings: Sequence[Holding], only: Sequence[str]) -> Shelf:
    there = frozenset[str]().union(*(holding.channels for holding in holdings))
    missing = sorted(set(only) - there)
    called = tuple(holding.called for holding in holdings)
    if missing or not there:
        what = f"does not hold channel {', '.join(missing)}" if missing else "holds no channel"
        details = f"channels there: {', '.join(sorted(there))}" if there else None
        raise PlanError(f"{' and '.join(called)} {what}", details=details)
    newest: dict[str, tuple[Offer, dict[str, Body]]] = {}
    for holding in holdings:
        for offer, bodies in _offers(holding, holdings, frozenset(only) or there):
            known = newest.get(offer.channel.id)
            if known is None or known[0].rank < offer.rank:
                newest[offer.channel.id] = offer, bodies
    offered = {path: body for offer, bodies in newest.values() for path, body in bodies.items() if offer.resources}
    return Shelf(
        called=called,
        offers=tuple(sorted((offer for offer, _ in newest.values()), key=lambda offer: offer.channel.name)),
        bodies=offered,
        md5s=frozenset(body.md5 for path, body in offered.items() if path.startswith("storage/")),
    )


def _offers(
    holding: Holding, holdings: Sequence[Holding], wanted: frozenset[str]
) -> Iterator[tuple[Offer, dict[str, Body]]]:
    asked = sorted(wanted & holding.channels)
    for channel in find_channels(holding.readable, only=asked) if asked else ():
        present: dict[str, Body] = {}
        lacking: set[str] = set()
        for file in channel.files:
            # As a device does: what was added to a channel in the field lies in another directory than the rest.
            copies = (each.stored.get(file.path.as_posix()) for each in holdings)
            stored = next((copy for copy in copies if copy is not None and copy.size == file.size), None)
            if stored is None:
                lacking.add(file.md5)
            else:
                present[file.path.as_posix()] = Body(stored=stored, md5=file.md5)
        path = f"databases/{channel.id}.sqlite3"
        database = holding.stored[path]
        with closing(sqlite3.connect(f"{(holding.readable / path).as_uri()}?mode=ro&immutable=1", uri=True)) as opened:
            offer = Offer(
                channel=channel,
                about=_about(opened),
                resources=channel.resources - _lost(opened, lacking),
                files=len(present),
                size=sum(body.stored.size for body in present.values()),
                lacking=len(lacking),
            )
        yield offer, {**present, path: Body(stored=database, md5=database.md5())}


def _lost(database: sqlite3.Connection, lacking: Iterable[str]) -> int:
    """How many resources have no file that shows them, because the lacking ones are all that they have.

    Kolibri takes a resource as available when it has any file that is not supplementary (annotation.py).
    """
    if not lacking:
        return 0
    database.execute("CREATE TEMP TABLE lacking (md5 TEXT PRIMARY KEY)")
    database.executemany("INSERT INTO lacking VALUES (?)", [(md5,) for md5 in lacking])
    query = """SELECT count(*) FROM (
                   SELECT n.id FROM content_contentnode n JOIN content_file f ON f.contentnode_id = n.id
                   WHERE n.kind != 'topic' AND NOT f.supplementary
                   GROUP BY n.id HAVING count(*) = sum(f.local_file_id IN (SELECT md5 FROM temp.lacking)))"""
    return int(database.execute(query).fetchone()[0])


def _about(database: sqlite3.Connection) -> About:
    query = """SELECT c.description, c.tagline, c.author, c.thumbnail, c.last_updated, l.lang_code, l.lang_name
               FROM content_channelmetadata c LEFT JOIN content_contentnode n ON n.id = c.root_id
               LEFT JOIN content_language l ON l.id = n.lang_id"""
    description, tagline, author, thumbnail, last_updated, language, language_name = database.execute(query).fetchone()
    return About(
        description=description,
        tagline=tagline,
        author=author,
        thumbnail=thumbnail,
        last_updated=last_updated,
        language=language,
        language_name=language_name,
    )
