"""Trees of plain files in a lock: what they hold on the day, and how they come into the pools."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from pathlib import Path

from builder.content.fetch import NotFetched, Wanted, fetch_files
from builder.content.pool.pool import ContentPool
from builder.content.trees.listing import Listing, parse_listing
from builder.content.trees.tree import TreeSource, look_at, marks_of, size_of
from builder.errors import ArtifactError, PlanError
from builder.host.pool import Pool
from builder.lock.apt import Upgrade
from builder.lock.content import one_line
from builder.lock.model import Lock, LockedTree
from builder.progress import Reporter
from builder.recipe.load import Loaded

_FEW = 10
"""Paths that fit into an error."""


def resolve_trees(
    loaded: Loaded,
    *,
    earlier: Lock | None,
    as_before: Callable[[int], bool],
    upgrade: Upgrade,
    pool: Pool,
    reporter: Reporter,
) -> Iterator[LockedTree]:
    """Every tree that the recipe asks for, as it is now; their listings are in the pool afterwards.

    Args: as `resolve_channels`; a tree that is locked already is looked at again only if it shall be upgraded.

    Raises:
        PlanError: a tree is not there, or holds what cannot be taken.
    """
    for number, source in enumerate(loaded.recipe.content):
        if source.files is None:
            continue
        known = [tree for tree in earlier.trees if tree.source == number] if earlier else []
        concerned = upgrade.everything or any(tree.name in upgrade.names for tree in known)
        if known and as_before(number) and not concerned:
            yield from known
            continue
        yield _locked(loaded, number, pool, reporter)


def fetch_trees(loaded: Loaded, trees: Iterable[LockedTree], *, reporter: Reporter, files: bool = True) -> None:
    """Bring the listings of trees into the pool, and their files into the pool of content. Needs no network.

    Raises:
        PlanError: something is missing, and the tree is not there or another one by now.
        HostError: there is no room.
    """
    wanted = tuple(trees)
    pool = Pool()
    for tree in pool.missing(wanted):
        now = _locked(loaded, tree.source, pool, reporter)
        if now.sha256 != tree.sha256:
            raise _another(tree, f"{now.files} files, {now.bytes} bytes, instead of {tree.files} and {tree.bytes}")
    if not files:
        return
    shelf = ContentPool()
    for tree in wanted:
        listing = locked_listing(tree, pool)
        source = partial(TreeSource, place=_place(loaded, tree.source), listing=listing)
        asked = Wanted(name=tree.name, files=tuple(sorted(set(listing.pooled.values()))), sources=(source,))
        try:
            fetch_files((asked,), shelf, offline=False, reporter=reporter)
        except NotFetched as missing:
            raise _another(tree, missing.details or missing.message) from missing
        _compare(tree, listing, shelf)


def locked_listing(tree: LockedTree, pool: Pool) -> Listing:
    """The listing that a lock means, from the pool.

    Raises:
        ArtifactError: it is not in the pool, or was damaged there.
    """
    return parse_listing(pool.verified(tree).read_bytes())


def tree_marks(loaded: Loaded) -> dict[str, str]:
    """What the recipe's trees look like now, without reading their files: by content."""
    return {
        f"content {number} tree": marks_of(loaded.path(source.files.tree)) or "not there"
        for number, source in enumerate(loaded.recipe.content)
        if source.files
    }


def _locked(loaded: Loaded, number: int, pool: Pool, reporter: Reporter) -> LockedTree:
    place = _place(loaded, number)
    if not place.exists():
        problem = loaded.problem(("content", number, "files", "tree"), f"there is no directory and no file {place}")
        raise PlanError(str(problem), hint="it is needed until its files are in the pool")
    what = f"content[{number}]"
    with (
        reporter.step(f"look at {what}", detail=one_line(place.name)),
        reporter.amount(what, size_of(place)) as advance,
    ):
        listing = look_at(place, advance=advance)
    text = listing.text()
    locked = LockedTree(
        source=number,
        name=one_line(place.name),
        files=len(listing.files),
        bytes=listing.size,
        size_bytes=len(text),
        sha256=hashlib.sha256(text).hexdigest(),
    )
    with pool.scratch() as room:
        (room / "listing").write_bytes(text)
        pool.take(room / "listing", locked)
    return locked


def _place(loaded: Loaded, number: int) -> Path:
    files = loaded.recipe.content[number].files
    assert files is not None
    return loaded.path(files.tree)


def _another(tree: LockedTree, details: str) -> PlanError:
    return PlanError(
        f"the tree {tree.name} is another one than the lock names",
        details=details,
        hint="`satchel lock --upgrade` takes it as it is today; a bundle keeps what it was (`satchel bundle`)",
    )


def _compare(tree: LockedTree, listing: Listing, shelf: ContentPool) -> None:
    """MD5 alone names files in the pool; the lock holds more."""
    known = shelf.known()
    wrong = [
        path
        for path, file in listing.files.items()
        if (kept := known.get(file.pooled(path).name)) is not None and kept.sha256 != file.sha256
    ]
    if wrong:
        raise ArtifactError(
            f"the pool has other files with the same MD5 as those of the tree {tree.name}",
            details="\n".join(map(repr, wrong[:_FEW])),
        )
