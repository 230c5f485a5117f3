"""Verbs about the cache: what is in it, what may go, and why something is made again."""

from __future__ import annotations

import json
from argparse import ArgumentTypeError, Namespace
from collections.abc import Mapping, Sequence
from datetime import datetime

from builder.errors import PlanError
from builder.growth import Growth, plan_growth
from builder.host.collect import collect
from builder.host.namespace import enter
from builder.host.places import OVERLAYS, cache_directory
from builder.host.record import users_of
from builder.host.store import Entry, Store
from builder.host.survey import POOL, cap_bytes, kinds, place_of, survey
from builder.host.tools import workshop_identity
from builder.lock.current import known_lock
from builder.lock.text import called
from builder.options import Verbs
from builder.plan.changes import list_changes, list_parts
from builder.plan.eviction import Piece
from builder.recipe.load import Loaded
from builder.recipe.problems import UnknownWord
from builder.units import format_size, parse_size
from builder.verbs.common import checked


def declare(family: Verbs) -> None:
    """Add the verbs of this module."""
    cache = family.add(
        "cache",
        listing,
        "see what the cache holds, make it smaller, ask why something is made again",
        "cache ls",
        "cache gc --to 5GiB",
        "cache why apt kolibri-pc",
    )
    verbs = Verbs(cache)

    verb = verbs.add("ls", listing, "list what the cache holds", "cache ls", "cache ls --json")
    verb.speaks_json()

    verb = verbs.add(
        "gc",
        collecting,
        "remove what was not used for the longest time, never what a running build uses",
        "cache gc",
        "cache gc --to 5GiB --dry-run",
        "cache gc --all",
    )
    how_much = verb.add_mutually_exclusive_group()
    how_much.add_argument(
        "--to", metavar="SIZE", type=_size, help="how large it may be ($SATCHEL_CACHE_SIZE, or 20GiB)"
    )
    how_much.add_argument("--all", action="store_const", const=0, dest="to", help="keep nothing")
    verb.add_argument("--dry-run", action="store_true", help="only say what would be removed")
    verb.speaks_json()

    verb = verbs.add(
        "why",
        why,
        "say what decides a piece, and what changed since the one before it",
        "cache why apt kolibri-pc",
        "cache why apt",
        "cache why 3f0c2a",
    )
    verb.add_argument("layer", metavar="LAYER", help="the name of a layer, or the beginning of a key")
    verb.add_argument(
        "recipe", metavar="RECIPE", nargs="?", help="what a build of this recipe would do about the layer"
    )
    verb.add_argument(
        "--set", metavar="NAME=VALUE", action="append", default=[], help="choose a parameter of the recipe"
    )


def listing(arguments: Namespace) -> int:
    """List what the cache holds."""
    enter()
    pieces, cap = survey(), cap_bytes()
    total = sum(piece.size_bytes for piece in pieces)
    if arguments.json:
        facts = {"cache": str(cache_directory()), "size_bytes": total, "cap_bytes": cap}
        print(json.dumps({**facts, "pieces": [_described(piece) for piece in pieces]}, indent=1))
        return 0
    made = [piece for piece in pieces if piece.kind != POOL]
    downloads = [piece for piece in pieces if piece.kind == POOL]
    width = max((len(piece.name) for piece in made), default=0)
    for kind in dict.fromkeys(piece.kind for piece in made):
        print(kind)
        of_kind = [piece for piece in made if piece.kind == kind]
        for piece in sorted(of_kind, key=lambda piece: (-piece.used_ns, piece.made_ns)):
            print(f"  {piece.name:<{width}}  {_line(piece)}".rstrip())
    if downloads:
        print(f"{POOL}\n  {len(downloads)} downloads, {format_size(sum(piece.size_bytes for piece in downloads))}")
    print(f"{format_size(total)} of at most {format_size(cap)} in {cache_directory()}")
    return 0


def collecting(arguments: Namespace) -> int:
    """Make the cache smaller."""
    enter()
    done = collect(to_bytes=arguments.to, dry_run=arguments.dry_run)
    if arguments.json:
        facts = {"freed_bytes": done.freed_bytes, "kept_bytes": done.kept_bytes, "cap_bytes": done.cap_bytes}
        print(json.dumps({**facts, "removed": [_described(piece) for piece in done.removed]}, indent=1))
        return 0
    would = "would be " if arguments.dry_run else ""
    for piece in done.removed:
        if piece.kind != POOL:
            print(f"{piece.kind}: {piece.name} {piece.key[:12]}  {format_size(piece.size_bytes)}")
    downloads = [piece for piece in done.removed if piece.kind == POOL]
    if downloads:
        print(f"{POOL}: {len(downloads)} downloads  {format_size(sum(piece.size_bytes for piece in downloads))}")
    print(f"{format_size(done.freed_bytes)} {would}freed, {format_size(done.kept_bytes)} {would}kept")
    if done.kept_bytes > done.cap_bytes:
        print(f"{format_size(done.held_bytes)} of it are in use now and stay")
    return 0


def why(arguments: Namespace) -> int:
    """Say what decides a piece, and what changed."""
    if arguments.recipe:
        loaded = checked(arguments)
        enter()
        return _why_of_recipe(arguments.layer, loaded)
    enter()
    newest_first = [entry for kind in kinds() for entry in Store(kind).entries()]
    asked = [entry for entry in newest_first if arguments.layer == entry.name or entry.key.startswith(arguments.layer)]
    if not asked:
        names = sorted({entry.name for entry in newest_first})
        raise UnknownWord(f"nothing in the cache is called {arguments.layer}", arguments.layer, names)
    _explain(asked[0], newest_first)
    return 0


def _why_of_recipe(name: str, loaded: Loaded) -> int:
    growth = _planned(loaded)
    planned = next((layer for layer in growth.planned if layer.name == name or layer.key.startswith(name)), None)
    if planned is None:
        names = [layer.name for layer in growth.planned]
        raise UnknownWord(f"{loaded.recipe.name} has no layer {name}", name, names)
    verdict = "reused" if planned.reused else f"made: {planned.reason}"
    print(f"{planned.name} {planned.key[:12]} would be {verdict}")
    earlier = [entry for entry in growth.store.entries() if entry.name == planned.name and entry.key != planned.key]
    _compare(earlier, planned.parts)
    return 0


def _planned(loaded: Loaded) -> Growth:
    lock = known_lock(loaded)
    if lock is None:
        raise PlanError(
            f"versions for {loaded.recipe.name} were never looked up, so its layers have no keys yet",
            hint=f"`satchel lock {called(loaded.source)}` looks them up, or the first build",
        )
    return plan_growth(loaded, lock, overlays=OVERLAYS, foundation=workshop_identity(lock.tools))


def _explain(entry: Entry, newest_first: Sequence[Entry]) -> None:
    kind = entry.path.parent.name
    recipes = f", used by {', '.join(users)}" if (users := users_of(entry.path)) else ""
    print(f"{kind}: {entry.name} {entry.key[:12]}{recipes}")
    same = [other for other in newest_first if (other.path.parent, other.name) == (entry.path.parent, entry.name)]
    _compare(same[same.index(entry) + 1 :], entry.parts)


def _compare(earlier: Sequence[Entry], parts: Mapping[str, str]) -> None:
    if not earlier:
        print("nothing of that name was made before; its key covers what lies below it and")
        print("\n".join(list_parts(parts)))
        return
    changes = list_changes(earlier[0].parts, parts) or ("  nothing of its own: what lies below it is different",)
    print(f"compared with {earlier[0].key[:12]}, the one before:")
    print("\n".join(changes))


def _described(piece: Piece) -> dict[str, object]:
    return {
        "kind": piece.kind,
        "name": piece.name,
        "key": piece.key,
        "size_bytes": piece.size_bytes,
        "used": _moment(piece.used_ns),
        "recipes": [] if piece.kind == POOL else list(users_of(place_of(piece))),
        "in_use": piece.held,
    }


def _line(piece: Piece) -> str:
    recipes = " ".join(users_of(place_of(piece)))
    used = "in use now" if piece.held else _moment(piece.used_ns)
    return f"{piece.key[:12]}  {format_size(piece.size_bytes):>10}  {used:<16}  {recipes}"


def _moment(nanoseconds: int) -> str:
    return datetime.fromtimestamp(nanoseconds // 10**9).astimezone().isoformat(" ", "minutes")[:16]


def _size(text: str) -> int:
    try:
        return parse_size(text)
    except ValueError as error:
        raise ArgumentTypeError(str(error)) from error
