"""`content fetch`, `verify` and `gc`: bring content into the pool, keep it whole, let it go."""

from __future__ import annotations

import json
from argparse import Namespace
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from builder.content.pool.checkup import Damaged, as_it_arrived, check_files
from builder.content.pool.layers import drop_layers_with
from builder.content.pool.pool import ContentPool
from builder.content.pool.sweeping import Swept, sweep_content
from builder.errors import ArtifactError, PlanError, UsageError
from builder.host.namespace import enter
from builder.host.pool import Pool
from builder.kolibri.channels import ContentFile
from builder.lock.content import fetch_channels
from builder.lock.current import lock_for, lock_path
from builder.lock.known import known_locks, locks_in, used_channels
from builder.lock.model import LockedChannel, LockedTree
from builder.lock.trees import fetch_trees
from builder.options import Verbs
from builder.progress import reporter_for
from builder.units import format_size
from builder.verbs.content_common import (
    HERE,
    amount,
    count,
    loaded_recipe,
    locked_channels,
    locked_trees,
    piece_of,
    pieces_of,
    tree_files,
)


def declare(family: Verbs) -> None:
    """Add the verbs of this module."""
    verb = family.add(
        "fetch",
        fetch,
        "bring the content of a recipe into the pool; whatever is here already is not fetched again",
        "content fetch my-school",
        "content fetch my-school --offline",
    )
    verb.takes_recipe()
    verb.add_argument("--offline", action="store_true", help="fetch nothing; say what is missing instead")
    verb.shows_progress()
    verb.speaks_json()

    verb = family.add(
        "verify",
        verify,
        "read all files of the pool, or of a recipe, and throw away what was damaged",
        "content verify",
        "content verify my-school --fix",
        "content verify --dry-run --json",
    )
    verb.add_argument("recipe", metavar="RECIPE", nargs="?", help="a recipe; left out: all of the pool")
    verb.add_argument(
        "--set", metavar="NAME=VALUE", action="append", default=[], help="choose a parameter of the recipe"
    )
    verb.add_argument("--fix", action="store_true", help="with a recipe: fetch what was damaged, or is missing, again")
    verb.add_argument("--dry-run", action="store_true", help="throw nothing away")
    verb.shows_progress()
    verb.speaks_json()

    verb = family.add(
        "gc",
        collecting,
        "remove files that no known lock needs, and what arrived in part and was given up",
        "content gc --dry-run",
        "content gc --keep ../other/school.yml",
    )
    verb.add_argument(
        "--keep",
        metavar="RECIPE",
        action="append",
        default=[],
        help="a recipe that lies elsewhere than here and in ./recipes, whose content is to stay; may be repeated",
    )
    verb.add_argument("--dry-run", action="store_true", help="only say what would be removed")
    verb.speaks_json()


def fetch(arguments: Namespace) -> int:
    """Bring the content of a recipe."""
    loaded = loaded_recipe(arguments)
    enter()
    reporter = reporter_for(arguments.progress)
    lock = lock_for(loaded, locked=False, offline=arguments.offline, reporter=reporter, needed=lambda _lock: ())
    fetch_trees(loaded, lock.trees, reporter=reporter, files=False)
    fetch_channels(loaded, lock.channels, offline=arguments.offline, reporter=reporter, files=False)
    channels = [piece.channel for piece in pieces_of(lock.channels)]
    parts = [_Part(channel.id, channel.name, channel.files, channel.size) for channel in channels]
    parts += [_Part(None, tree.name, tree_files(tree), tree.bytes) for tree in lock.trees]
    with _arrivals_told(parts, as_json=arguments.json):
        fetch_trees(loaded, lock.trees, reporter=reporter)
        fetch_channels(loaded, lock.channels, offline=arguments.offline, reporter=reporter)
    return 0


@dataclass(frozen=True, slots=True)
class _Part:
    """A channel or a tree of files."""

    id: str | None
    """Of a channel."""
    name: str
    files: tuple[ContentFile, ...]
    size: int


@contextmanager
def _arrivals_told(parts: Sequence[_Part], *, as_json: bool) -> Iterator[None]:
    """Say at the end, also at a bad one, what came from where."""
    pool = ContentPool()
    before = [pool.missing(part.files) for part in parts]
    try:
        yield
    finally:
        known = pool.known()
        facts = []
        for part, missing in zip(parts, before, strict=True):
            here = [known[file.name] for file in missing if file.name in known]
            files, sizes = Counter(kept.origin for kept in here), Counter[str]()
            for kept in here:
                sizes[kept.origin] += kept.size
            facts.append((part, files, sizes, len(missing) - len(here)))
        if as_json:
            print(json.dumps([_fetched(*each) for each in facts], indent=1, ensure_ascii=False))
        else:
            print("\n".join(line for each in facts for line in _fetched_lines(*each)) or "nothing to fetch")


def _fetched(part: _Part, files: Counter[str], sizes: Counter[str], missing: int) -> dict[str, object]:
    came = [{"from": origin, "files": number, "bytes": sizes[origin]} for origin, number in files.items()]
    return {"id": part.id, "name": part.name, "files": len(part.files), "came": came, "missing": missing}


def _fetched_lines(part: _Part, files: Counter[str], sizes: Counter[str], missing: int) -> Iterator[str]:
    yield f"{part.name}: {amount(len(part.files), part.size)}"
    for origin, number in files.items():
        yield f"  {amount(number, sizes[origin])} from {origin}"
    if missing:
        yield f"  {count(missing, 'file')} did not arrive"
    elif not files:
        yield "  all of it was here"


def verify(arguments: Namespace) -> int:
    """Read what the pool holds."""
    if arguments.fix and (arguments.recipe is None or arguments.dry_run):
        raise UsageError("--fix needs a recipe, which says where to fetch from, and does not go with --dry-run")
    loaded = loaded_recipe(arguments) if arguments.recipe else None
    enter()
    pool = ContentPool()
    locked = locked_channels(loaded) if loaded else ()
    trees = locked_trees(loaded) if loaded else ()
    files, missing = _files_of(locked, trees, pool) if loaded else (as_it_arrived(pool), ())
    reporter = reporter_for(arguments.progress)
    total = sum(file.size for file in files)
    with reporter.step("verify", detail=amount(len(files), total)), reporter.amount("verify", total) as advance:
        damaged = check_files(files, pool, advance=advance)
    layers = 0
    if damaged and not arguments.dry_run:
        layers = drop_layers_with([each.file for each in damaged], pool)
        pool.discard([each.file.name for each in damaged])
    _tell_verified(files, damaged, missing, layers, arguments)
    if arguments.fix and loaded is not None:
        if damaged or missing:
            fetch_trees(loaded, trees, reporter=reporter)
            fetch_channels(loaded, locked, offline=False, reporter=reporter)
            if not arguments.json:
                print(f"{count(len(damaged) + len(missing), 'file')} fetched again")
        return 0
    return ArtifactError.exit_code if damaged else 0


def _files_of(
    channels: Sequence[LockedChannel], trees: Sequence[LockedTree], pool: ContentPool
) -> tuple[tuple[ContentFile, ...], tuple[ContentFile, ...]]:
    wanted = dict.fromkeys(file for piece in pieces_of(channels) for file in piece.channel.files)
    wanted |= dict.fromkeys(file for tree in trees for file in tree_files(tree))
    there = tuple(file for file in wanted if pool.path(file).is_file())
    return there, tuple(file for file in wanted if file not in frozenset(there))


def _tell_verified(
    files: Sequence[ContentFile],
    damaged: Sequence[Damaged],
    missing: Sequence[ContentFile],
    layers: int,
    arguments: Namespace,
) -> None:
    size = sum(file.size for file in files)
    if arguments.json:
        told = [
            {"file": each.file.name, "bytes": each.file.size, "what": each.what, "from": each.origin}
            for each in damaged
        ]
        facts = {"files": len(files), "bytes": size, "damaged": told, "missing": [file.name for file in missing]}
        print(json.dumps(facts, indent=1, ensure_ascii=False))
        return
    for each in damaged:
        print(f"{each.file.name}: {each.what}" + (f"; it came from {each.origin}" if each.origin else ""))
    verdict = "all of them are what they were" if not damaged else f"{count(len(damaged), 'file')} damaged"
    if damaged and not arguments.dry_run:
        verdict += " and thrown away"
    print(f"{amount(len(files), size)} read; {verdict}")
    if layers:
        print(f"{count(layers, 'layer')} of the cache had them, too, and will be made again")
    if missing:
        print(f"{amount(len(missing), sum(file.size for file in missing))} missing")


def collecting(arguments: Namespace) -> int:
    """Remove what no lock needs."""
    kept = [lock_path(loaded_recipe(Namespace(recipe=name, set=[]))) for name in arguments.keep]
    absent = [path for path in kept if not path.is_file()]
    if absent:
        raise PlanError(f"there is no {absent[0]}", hint="`satchel lock RECIPE` writes it")
    enter()
    paths = locks_in((*HERE, *(path.parent for path in kept)))
    needed, unknown = _needed(paths)
    if unknown and not arguments.dry_run:
        raise PlanError(
            "nobody can say which files these need, because their databases or listings are not here",
            details="\n".join(unknown),
            hint="`satchel content fetch RECIPE` brings them; or remove the lock if it is not needed any more",
        )
    swept = sweep_content(ContentPool(), needed, dry_run=arguments.dry_run)
    _tell_swept(swept, paths, unknown, arguments)
    return 0


def _needed(paths: Sequence[Path]) -> tuple[frozenset[str], tuple[str, ...]]:
    """Names of the files that locks need, and channels and trees of which that is not known.

    A lock that is only remembered does not keep what it cannot name: whoever builds by it needs its sources anyway.
    """
    pool = Pool()
    names: set[str] = set()
    unknown = []
    known = known_locks(paths)
    for user, tree in ((each, tree) for each in known for tree in each.lock.trees):
        if not pool.missing((tree,)):
            names.update(file.name for file in tree_files(tree))
        elif user.path:
            unknown.append(f"{tree.name}, of {user.name}")
    for used in used_channels(known):
        try:
            piece = piece_of(used.locked, pool)
        except (ArtifactError, PlanError):
            piece = None
        if piece:
            names.update(file.name for file in piece.channel.files)
        elif used.written:
            unknown.append(f"{used.locked.name}, of {', '.join(used.recipes)}")
    return frozenset(names), tuple(unknown)


def _tell_swept(swept: Swept, paths: Sequence[Path], unknown: Sequence[str], arguments: Namespace) -> None:
    if arguments.json:
        facts = {
            "removed": [file.name for file in swept.files],
            "unfinished": [path.name for path in swept.unfinished],
            "freed_bytes": swept.size,
            "kept_files": swept.kept,
            "kept_bytes": swept.kept_size,
            "locks": [str(path) for path in paths],
            "unknown": list(unknown),
        }
        print(json.dumps(facts, indent=1, ensure_ascii=False))
        return
    would = "would be " if arguments.dry_run else ""
    print(f"{amount(len(swept.files), sum(file.size for file in swept.files))} {would}removed")
    if swept.unfinished:
        print(f"{amount(len(swept.unfinished), swept.unfinished_size)} that arrived in part {would}removed")
    if swept.linked:
        print(
            f"{format_size(sum(file.size for file in swept.linked))} of it are in layers, too: `satchel cache gc` "
            "gives them back"
        )
    locks = f"{count(len(paths), 'lock')} beside recipes, and those that are remembered"
    print(f"{amount(swept.kept, swept.kept_size)} {would}kept for {locks}")
    for each in unknown:
        print(f"not known what it needs: {each}")
