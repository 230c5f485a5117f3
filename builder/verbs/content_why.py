"""`content why`: what a file, a node or a channel is for."""

from __future__ import annotations

import json
import re
from argparse import Namespace
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Final

from builder.content.pool.pool import ContentPool
from builder.content.trees.tree import shown_path
from builder.errors import UsageError
from builder.host.pool import Pool
from builder.kolibri.channels import ContentFile
from builder.kolibri.topics import Mention, mentions_of
from builder.lock.content import one_line
from builder.lock.known import Used, used_channels
from builder.lock.trees import locked_listing
from builder.options import Verbs
from builder.recipe.problems import UnknownWord
from builder.units import format_size
from builder.verbs.content_common import amount, loaded_recipe, locked_channels, locked_trees, locks_known, piece_of

_ASKED: Final = re.compile(r"(?P<key>[0-9a-f]{32})(\.[A-Za-z0-9]{1,16})?")
_SHOWN: Final = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class _Place:
    """Where a known channel has what is asked for."""

    used: Used
    taken: bool
    """Whether it is among what the lock takes of the channel."""
    mentions: tuple[Mention, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class _InTree:
    """Where a known tree of plain files has a file."""

    tree: str
    recipe: str
    paths: tuple[str, ...]


def declare(family: Verbs) -> None:
    """Add the verb."""
    verb = family.add(
        "why",
        why,
        "say which channels and topics a file or a node belongs to, which recipes need it, and where it came from",
        "content why 0f343b0931126a20f133d67c2b018a3b.mp4",
        "content why 5e1f0c1b5d7e4b0c9d8a7f6e5d4c3b2a my-school",
    )
    verb.add_argument("asked", metavar="FILE|ID", help="a file's name or MD5, or the id of a node or a channel")
    verb.add_argument("recipe", metavar="RECIPE", nargs="?", help="look in the channels of this recipe only")
    verb.add_argument(
        "--set", metavar="NAME=VALUE", action="append", default=[], help="choose a parameter of the recipe"
    )
    verb.speaks_json()


def why(arguments: Namespace) -> int:
    """Say what something is for."""
    match = _ASKED.fullmatch(str(arguments.asked).rpartition("/")[2].lower())
    if match is None:
        raise UsageError(
            f"{arguments.asked} is neither the name of a file of content nor an id (32 digits, 0-9 and a-f)"
        )
    key = match["key"]
    places = tuple(_places(key, arguments))
    trees = tuple(_in_trees(key, arguments))
    kept = [each for each in ContentPool().known().values() if each.name.startswith(f"{key}.")]
    if not places and not trees and not kept:
        raise UnknownWord(f"no known channel has {arguments.asked}, nor does a tree, or the pool", key, ())
    files = [
        {
            "file": each.name,
            "bytes": each.size,
            "sha256": each.sha256,
            "from": each.origin,
            "since": _moment(each.arrived_s),
            "here": ContentPool().path(ContentFile(name=each.name, size=each.size)).is_file(),
        }
        for each in kept
    ]
    if arguments.json:
        channels = [_described(place) for place in places]
        facts = {"files": files, "channels": channels, "trees": [asdict(each) for each in trees]}
        print(json.dumps(facts, indent=1, ensure_ascii=False))
        return 0
    for file in files:
        here = "" if file["here"] else "; it is not here any more"
        print(f"{file['file']}: {format_size(int(str(file['bytes'])))} from {file['from']}, {file['since']}{here}")
        print(f"  SHA-256 {file['sha256']}")
    for place in places:
        print("\n".join(_lines(place)))
    for each in trees:
        print(f"{each.tree}: plain files\n  needed by {each.recipe}")
        print("\n".join(f"  {shown_path(path)}" for path in each.paths[:_SHOWN]))
    if not places and not trees:
        print("no known recipe needs it; `satchel content gc` would remove it")
    return 0


def _places(key: str, arguments: Namespace) -> Iterator[_Place]:
    databases = Pool()
    for used in _used(arguments):
        piece = piece_of(used.locked, databases)
        mentions = mentions_of(piece.database, piece.channel, key) if piece else ()
        if mentions:
            yield _Place(used=used, taken=any(mention.taken for mention in mentions), mentions=mentions)


def _in_trees(key: str, arguments: Namespace) -> Iterator[_InTree]:
    if arguments.recipe:
        loaded = loaded_recipe(arguments)
        known = {(tree, loaded.recipe.name): tree for tree in locked_trees(loaded)}
    else:
        known = {(tree, each.name): tree for each in locks_known()[0] for tree in each.lock.trees}
    for (_, recipe), tree in known.items():
        if not Pool().missing((tree,)):
            files = locked_listing(tree, Pool()).files
            paths = tuple(path for path, file in files.items() if file.md5 == key)
            if paths:
                yield _InTree(tree=tree.name, recipe=recipe, paths=paths)


def _used(arguments: Namespace) -> Sequence[Used]:
    if arguments.recipe:
        loaded = loaded_recipe(arguments)
        names = (loaded.recipe.name,)
        return [Used(locked=channel, recipes=names, written=True) for channel in locked_channels(loaded)]
    return used_channels(locks_known()[0])


def _lines(place: _Place) -> Iterator[str]:
    locked = place.used.locked
    yield f"{locked.name} ({locked.id}, version {locked.version})"
    needed = "needed by" if place.taken else "the channel has it, but what is taken of it does not need it:"
    yield f"  {needed} {', '.join(place.used.recipes)}"
    for mention in place.mentions[:_SHOWN]:
        yield f"  {' > '.join(map(one_line, mention.path))}"
        facts = [mention.kind, *mention.presets, mention.language, mention.licence, amount(mention.files, mention.size)]
        yield f"    {mention.node}  {', '.join(filter(None, facts))}"
    if len(place.mentions) > _SHOWN:
        yield f"  and {len(place.mentions) - _SHOWN} more places"


def _described(place: _Place) -> dict[str, object]:
    locked = place.used.locked
    return {
        "id": locked.id,
        "name": locked.name,
        "version": locked.version,
        "recipes": place.used.recipes,
        "taken": place.taken,
        "places": [
            {name: value for name, value in asdict(mention).items() if name != "channel"} for mention in place.mentions
        ],
    }


def _moment(seconds: int) -> str:
    return datetime.fromtimestamp(seconds).astimezone().isoformat(" ", "minutes")[:16]
