"""`master import`: the channels of a Kolibri that was in use, and nothing of its people."""

from __future__ import annotations

import hashlib
import json
import os
import sys
from argparse import Namespace
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from builder.content.fetch import Wanted, fetch_files
from builder.content.laying import Piece
from builder.content.pool.pool import ContentPool
from builder.content.source.anywhere import where_of
from builder.content.source.opening import open_source
from builder.content.source.source import Source
from builder.errors import ArtifactError, PlanError, RecipeError
from builder.host.pool import Pool
from builder.host.whole import write_whole
from builder.kolibri.channels import read_channel
from builder.kolibri.selection import Choice
from builder.lock.content import one_line
from builder.lock.text import yaml_word
from builder.options import Verbs
from builder.progress import reporter_for
from builder.recipe.append import with_content
from builder.recipe.content import ChannelSource
from builder.recipe.load import load_recipe
from builder.recipe.problems import shown
from builder.verbs.content_common import amount, count
from builder.verbs.content_export import export_pieces, tell_exported


@dataclass(frozen=True, slots=True, kw_only=True)
class _Database:
    """The database of a channel, as the pool of downloads takes it."""

    file: str
    sha256: str
    size_bytes: int


def declare(family: Verbs) -> None:
    """Add the verb."""
    verb = family.add(
        "import",
        importing,
        "take the channels of a Kolibri into the pool, running or not, and nothing of its learners",
        "master import ~/.kolibri",
        "master import ssh://teacher@10.0.0.7/~/.kolibri --into my-school.yml",
        "master import http://10.0.0.7:8080 --channel 5e1f0c1b5d7e4b0c9d8a7f6e5d4c3b2a",
        "master import ~/.kolibri --export /media/usb --into my-school.yml",
    )
    verb.add_argument(
        "what", metavar="WHAT", help="the home of a Kolibri, ssh://[USER@]HOST[:PORT]/DIRECTORY, or http://HOST:PORT"
    )
    verb.add_argument(
        "--channel", metavar="ID", action="append", default=[], help="only this channel; may be repeated (all of them)"
    )
    verb.add_argument(
        "--export", metavar="DIR", type=Path, help="write them onto this drive, too, and name it as the source"
    )
    verb.add_argument("--into", metavar="FILE", type=Path, help="add the entry of `content` to this recipe")
    verb.shows_progress()
    verb.speaks_json()


def importing(arguments: Namespace) -> int:
    """Take channels from a Kolibri."""
    where = where_of(arguments.what)
    if not (where.home or where.server):
        raise PlanError(
            f"{arguments.what} is not the home of a Kolibri: it has no db.sqlite3",
            hint="drives and archives need no import: name them in a recipe (`satchel content list SOURCE`)",
        )
    source = open_source(where, Path)
    reporter = reporter_for(arguments.progress)
    pool = Pool()
    pieces = tuple(_taken(source, arguments.channel, pool))
    if not pieces:
        raise PlanError(f"{source.name} has no resource of any channel")
    wanted = [Wanted(name=piece.channel.name, files=piece.channel.files, sources=(lambda: source,)) for piece in pieces]
    fetch_files(wanted, ContentPool(), offline=False, reporter=reporter)
    exported = export_pieces(pieces, arguments.export, reporter) if arguments.export else None
    at = ChannelSource(drive=str(arguments.export.absolute())) if arguments.export else where
    entry = _entry(pieces, at, arguments.into)
    if arguments.into:
        _write_into(arguments.into, entry)
    if arguments.json:
        print(json.dumps(_facts(pieces, source, entry), indent=1, ensure_ascii=False))
        return 0
    for piece in pieces:
        print("\n".join(_lines(piece)))
    if exported:
        tell_exported(exported, pieces)
    if arguments.into:
        print(f"{shown(arguments.into.absolute())}: the entry was added; `satchel lock` looks at it")
    else:
        print(f"for a recipe:\n\ncontent:\n{_indented(entry)}")
    return 0


def _taken(source: Source, asked: Sequence[str], pool: Pool) -> Iterator[Piece]:
    """Channels with their databases in the pool; those of which nothing is there are passed over, unless asked for."""
    listed = [each.id for each in source.channels()]
    with pool.scratch() as room:
        for word in asked or listed:
            key = source.identify(word)
            if key is None:
                details = "\n".join(f"{each.id}  {one_line(each.name)}" for each in source.channels())
                raise PlanError(f"{source.name} has no channel {word}", details=details)
            target = room / f"{key}.sqlite3"
            offered = source.database(key, target)
            channel = read_channel(target, Choice(), offered=offered)
            if not channel.resources:
                print(f"note: nothing of {one_line(channel.name)} is there", file=sys.stderr)
                continue
            with target.open("rb") as file:
                sha256 = hashlib.file_digest(file, "sha256").hexdigest()
            pool.take(target, _Database(file=target.name, sha256=sha256, size_bytes=channel.database_size))
            yield Piece(database=pool.path(sha256), channel=channel)


def _entry(pieces: Sequence[Piece], where: ChannelSource, into: Path | None) -> str:
    """The entry of `content`, as a recipe has it."""
    ((kind, place),) = where.model_dump(exclude_none=True).items()
    if into and "://" not in place:
        place = _seen_from(place, into.absolute().parent)
    ids = "".join(f"      - {piece.channel.id}  # {_remark(piece)}\n" for piece in pieces)
    return f"- channels:\n    ids:\n{ids}    sources:\n      - {kind}: {yaml_word(place)}\n"


def _remark(piece: Piece) -> str:
    part = f" (a part: {count(piece.channel.resources, 'resource')})" if piece.channel.partial else ""
    return one_line(piece.channel.name) + part


def _seen_from(place: str, directory: Path) -> str:
    """Relative if it lies below the recipe, so that both may be moved."""
    return os.path.relpath(place, directory) if Path(place).is_relative_to(directory) else place


def _write_into(recipe: Path, entry: str) -> None:
    try:
        text = recipe.read_text(encoding="utf-8")
        changed = with_content(text, entry, called=shown(recipe.absolute()))
        trial = recipe.with_name(f".{recipe.stem}.satchel-trial.yml")
        try:
            trial.write_text(changed, encoding="utf-8")
            load_recipe(trial)
        finally:
            trial.unlink(missing_ok=True)
        write_whole(recipe, changed.encode(), mode=recipe.stat().st_mode & 0o777)
    except RecipeError as error:
        raise PlanError(
            f"{shown(recipe.absolute())} would not be a recipe with this entry; it stays as it was",
            details=f"{error}\n\n{entry}",
        ) from error
    except (OSError, UnicodeDecodeError) as error:
        raise ArtifactError(f"{shown(recipe.absolute())} cannot be changed: {error}") from error


def _lines(piece: Piece) -> Iterator[str]:
    channel = piece.channel
    part = ", a part of the channel" if channel.partial else ""
    yield one_line(channel.name)
    yield f"  {channel.id}  version {channel.version}"
    yield f"  {count(channel.resources, 'resource')}, {amount(len(channel.files), channel.size)}{part}"


def _facts(pieces: Sequence[Piece], source: Source, entry: str) -> dict[str, object]:
    channels = [
        {
            "id": piece.channel.id,
            "name": piece.channel.name,
            "version": piece.channel.version,
            "resources": piece.channel.resources,
            "files": len(piece.channel.files),
            "bytes": piece.channel.size,
            "partial": piece.channel.partial,
        }
        for piece in pieces
    ]
    return {"source": source.name, "channels": channels, "entry": entry}


def _indented(entry: str) -> str:
    return "\n".join(f"  {line}" for line in entry.splitlines())
