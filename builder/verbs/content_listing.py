"""`content list`: channels of the pool, of a recipe, or of any source."""

from __future__ import annotations

import json
import sys
from argparse import ArgumentTypeError, Namespace
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from builder.content.laying import Piece
from builder.content.pool.pool import ContentPool
from builder.content.source.anywhere import source_of
from builder.content.source.source import Listed, Source
from builder.errors import PlanError, UsageError
from builder.host.pool import Pool
from builder.kolibri.channels import Channel, read_channel
from builder.kolibri.selection import Choice
from builder.kolibri.topics import Topic, topics_of
from builder.lock.content import one_line
from builder.lock.known import Used, used_channels
from builder.lock.model import LockedChannel
from builder.options import Verbs
from builder.recipe.problems import UnknownWord
from builder.units import format_size
from builder.verbs.common import recipe_path
from builder.verbs.content_common import (
    amount,
    count,
    loaded_recipe,
    locked_channels,
    locked_trees,
    locks_known,
    piece_of,
    tree_files,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Facts:
    """How much a channel is, and what."""

    resources: int
    files: int
    bytes: int
    """Of its files."""
    database_bytes: int
    languages: tuple[str, ...]
    licences: tuple[str, ...]
    partial: bool | None
    """None if its database would have to be read to know."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Row:
    """A channel as it is told; what is not known is left out."""

    id: str
    name: str
    version: int
    facts: _Facts | None = None
    topics: tuple[Topic, ...] = ()
    pooled: bool = False
    """Whether the pool was asked for it."""
    missing: tuple[int, int] | None = None
    """Files and bytes that the pool lacks; None if it lacks the database, so that nobody knows."""
    shared: int = 0
    """Bytes that another channel has, too."""
    recipes: tuple[str, ...] = ()
    problem: str = ""


def declare(family: Verbs) -> None:
    """Add the verb."""
    verb = family.add(
        "list",
        listing,
        "list the channels that the pool holds, a recipe takes, or a source has",
        "content list",
        "content list my-school --nodes --depth 1",
        "content list /media/usb",
        "content list http://192.168.1.5:8080 --channel 5e1f0c1b5d7e4b0c9d8a7f6e5d4c3b2a --nodes",
        "content list ssh://teacher@10.0.0.7/home/teacher/.kolibri --json",
    )
    verb.add_argument(
        "recipe",
        metavar="RECIPE|SOURCE",
        nargs="?",
        help="a recipe; or a drive, a Kolibri home, a tar or zip file, http://... or ssh://...",
    )
    verb.add_argument(
        "--set", metavar="NAME=VALUE", action="append", default=[], help="choose a parameter of the recipe"
    )
    verb.add_argument(
        "--channel", metavar="ID", action="append", default=[], help="only this channel (id or token); may be repeated"
    )
    verb.add_argument("--nodes", action="store_true", help="show topics with their ids, for `include` and `exclude`")
    verb.add_argument("--depth", metavar="N", type=_depth, help="with --nodes: at most N topics deep")
    verb.speaks_json()


def listing(arguments: Namespace) -> int:
    """List channels."""
    if arguments.depth is not None and not arguments.nodes:
        raise UsageError("--depth goes with --nodes")
    asked: str | None = arguments.recipe
    if asked is None:
        rows = list(_of_pool(arguments))
    elif _is_recipe(asked):
        rows = list(_of_recipe(arguments))
    else:
        rows = list(_of_source(source_of(asked), arguments))
    if arguments.json:
        print(json.dumps([_described(row) for row in rows], indent=1, ensure_ascii=False))
        return 0
    plain = list(_trees(arguments)) if not arguments.channel else []
    print("\n".join([*(line for row in rows for line in _lines(row)), *plain]) or "no channels")
    if asked is None:
        _tell_pool()
    return 0


def _is_recipe(asked: str) -> bool:
    if "://" in asked:
        return False
    try:
        return recipe_path(asked).is_file() and (Path(asked).suffix in {".yml", ".yaml"} or "/" not in asked)
    except UnknownWord:
        if Path(asked).exists():
            return False
        raise


def _of_pool(arguments: Namespace) -> Iterator[_Row]:
    known, complaints = locks_known()
    for complaint in complaints:
        print(f"note: {complaint}", file=sys.stderr)
    yield from _rows([used for used in used_channels(known) if _chosen(used.locked.id, arguments)], arguments)


def _of_recipe(arguments: Namespace) -> Iterator[_Row]:
    loaded = loaded_recipe(arguments)
    channels = [channel for channel in locked_channels(loaded) if _chosen(channel.id, arguments)]
    yield from _rows([Used(locked=channel, recipes=(), written=True) for channel in channels], arguments)


def _trees(arguments: Namespace) -> Iterator[str]:
    """Trees of plain files, for people; they have no channels, so scripts read the lock."""
    if arguments.recipe is None:
        locks = {(tree.name, tree.sha256): tree for each in locks_known()[0] for tree in each.lock.trees}
    elif _is_recipe(arguments.recipe):
        locks = {(tree.name, tree.sha256): tree for tree in locked_trees(loaded_recipe(arguments))}
    else:
        return
    for _, tree in sorted(locks.items()):
        yield f"{tree.name}: plain files"
        yield f"  {amount(tree.files, tree.bytes)}"
        if not Pool().missing((tree,)) and (lacking := ContentPool().missing(tree_files(tree))):
            yield f"  missing: {amount(len(lacking), sum(file.size for file in lacking))}"


def _rows(used: Sequence[Used], arguments: Namespace) -> Iterator[_Row]:
    databases, pool = Pool(), ContentPool()
    pieces = [piece_of(each.locked, databases) for each in used]
    users = Counter(file for piece in pieces if piece for file in piece.channel.files)
    for each, piece in zip(used, pieces, strict=True):
        locked = each.locked
        lacking = pool.missing(piece.channel.files) if piece else ()
        yield _Row(
            id=locked.id,
            name=locked.name,
            version=locked.version,
            facts=_facts_of_locked(locked, piece),
            pooled=True,
            topics=_topics(piece, arguments),
            recipes=each.recipes,
            missing=(len(lacking), sum(file.size for file in lacking)) if piece else None,
            shared=sum(file.size for file in piece.channel.files if users[file] > 1) if piece else 0,
        )


def _facts_of_locked(locked: LockedChannel, piece: Piece | None) -> _Facts:
    return _Facts(
        resources=locked.resources,
        files=locked.files,
        bytes=locked.bytes,
        database_bytes=locked.size_bytes,
        languages=locked.languages,
        licences=locked.licences,
        partial=piece.channel.partial if piece else None,
    )


def _facts_of(channel: Channel) -> _Facts:
    return _Facts(
        resources=channel.resources,
        files=len(channel.files),
        bytes=channel.size - channel.database_size,
        database_bytes=channel.database_size,
        languages=channel.languages,
        licences=channel.licences,
        partial=channel.partial,
    )


def _of_source(source: Source, arguments: Namespace) -> Iterator[_Row]:
    asked = [_identified(source, word) for word in arguments.channel]
    listed = {each.id: each for each in source.channels()} if not asked or not _is_far(arguments) else {}
    with Pool().scratch() as room:
        for key in asked or sorted(listed):
            if _is_far(arguments) and not asked:
                # A server may list a thousand channels; their databases are not fetched to tell their sizes.
                yield _Row(id=key, name=one_line(listed[key].name), version=listed[key].version)
                continue
            yield _read(source, key, room, arguments, listed.get(key))


def _read(source: Source, key: str, room: Path, arguments: Namespace, listed: Listed | None) -> _Row:
    database = room / f"{key}.sqlite3"
    try:
        offered = source.database(key, database)
        channel = read_channel(database, Choice(), offered=offered)
    except PlanError as error:
        # One that cannot be read does not hide the others.
        name = one_line(listed.name) if listed and listed.name else key
        return _Row(id=key, name=name, version=listed.version if listed else 0, problem=error.message)
    topics = _topics(Piece(database=database, channel=channel), arguments)
    database.unlink()
    return _Row(id=key, name=one_line(channel.name), version=channel.version, facts=_facts_of(channel), topics=topics)


def _identified(source: Source, word: str) -> str:
    key = source.identify(word)
    if key is None:
        raise PlanError(f"{source.name} has no channel {word}", hint="`satchel content list SOURCE` shows what it has")
    return key


def _is_far(arguments: Namespace) -> bool:
    return str(arguments.recipe).startswith(("http://", "https://"))


def _chosen(key: str, arguments: Namespace) -> bool:
    return not arguments.channel or key in arguments.channel


def _topics(piece: Piece | None, arguments: Namespace) -> tuple[Topic, ...]:
    return topics_of(piece.database, piece.channel, depth=arguments.depth) if piece and arguments.nodes else ()


def _lines(row: _Row) -> Iterator[str]:
    yield row.name
    if row.problem:
        yield f"  {row.problem}"
        return
    yield f"  {row.id}  version {row.version}"
    if row.facts is None:
        return
    facts = row.facts
    part = ", a part of the channel" if facts.partial else ""
    yield f"  {count(facts.resources, 'resource')}, {amount(facts.files, facts.bytes + facts.database_bytes)}{part}"
    if facts.languages:
        yield f"  languages: {', '.join(facts.languages)}"
    if facts.licences:
        yield f"  licences: {', '.join(facts.licences)}"
    if row.pooled:
        yield f"  {_presence(row)}"
    if row.recipes:
        yield f"  used by {', '.join(row.recipes)}"
    yield from _tree(row.topics)


def _presence(row: _Row) -> str:
    if row.missing is None:
        return "not here: not even its database was fetched"
    shared = f"; {format_size(row.shared)} are in other channels, too" if row.shared else ""
    files, size = row.missing
    return (f"missing: {amount(files, size)}" if files else "all of it is here") + shared


def _tree(topics: Sequence[Topic]) -> Iterator[str]:
    for topic in topics:
        indent = "  " * topic.depth
        yield f"  {topic.id}  {topic.resources:>7,}  {format_size(topic.size):>10}  {indent}{one_line(topic.title)}"


def _tell_pool() -> None:
    stored = list(ContentPool().stored())
    print(f"pool: {amount(len(stored), sum(file.size for file in stored))}")


def _described(row: _Row) -> dict[str, object]:
    described: dict[str, object] = {"id": row.id, "name": row.name, "version": row.version}
    if row.problem:
        described["problem"] = row.problem
    if row.facts:
        described |= asdict(row.facts)
    if row.pooled:
        missing = {"files": row.missing[0], "bytes": row.missing[1]} if row.missing else None
        described |= {"missing": missing, "shared_bytes": row.shared, "recipes": row.recipes}
    if row.topics:
        described["topics"] = [
            {"id": each.id, "title": each.title, "depth": each.depth, "resources": each.resources, "bytes": each.size}
            for each in row.topics
        ]
    return described


def _depth(text: str) -> int:
    if not text.isdecimal():
        raise ArgumentTypeError(f"'{text}' is not a number")
    return int(text)
