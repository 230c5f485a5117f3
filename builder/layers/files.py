"""Trees of plain files, laid out on a partition with content by further names of the pool's files; see `content`."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from builder.content.pool.pool import DATE_S, ContentPool
from builder.content.trees import listing as listings
from builder.content.trees.listing import Listing
from builder.kolibri.home import in_tree
from builder.layers.site import Layer, Site, code_digest
from builder.lock.model import LockedTree
from builder.lock.trees import locked_listing
from builder.recipe.model import Recipe


@dataclass(frozen=True, slots=True, kw_only=True)
class FilesLayer(Layer):
    """All trees of a recipe. None of them is changed on the way, but for dates, owners and modes."""

    recipe: Recipe
    locked: tuple[LockedTree, ...]
    name: str = "files"

    @property
    def apart(self) -> bool:
        """See `Layer`."""
        return True

    def parts(self) -> Mapping[str, str]:
        """Where each tree lies and what it holds, and the code that lays it out."""
        trees = {f"tree {self._to(tree)}": tree.sha256 for tree in self.locked}
        return {**trees, "code": code_digest(FilesLayer, listings)}

    def build(self, site: Site) -> None:
        """Lay the trees out."""
        pool = ContentPool()
        with site.reporter.amount("files", sum(tree.bytes for tree in self.locked)) as advance:
            for tree in self.locked:
                listing = locked_listing(tree, site.pool)
                top = in_tree(site.tree, self._to(tree))
                lay_files(top, listing, pool)
                _settle_above(top, site.tree)
                advance(tree.bytes)

    def _to(self, tree: LockedTree) -> str:
        files = self.recipe.content[tree.source].files
        assert files is not None
        return files.to


def lay_files(top: Path, listing: Listing, pool: ContentPool) -> None:
    """Fill the new directory `top` (of the pool's file system) with a tree whose files are all in the pool.

    Raises:
        ArtifactError: a file is not in the pool.
    """
    top.mkdir(parents=True)
    directories = sorted(listing.directories)
    for directory in directories:
        (top / directory).mkdir()
    for path, file in sorted(listing.pooled.items()):
        pool.link(file, top / path)
    for path, target in listing.links.items():
        (top / path).symlink_to(target)
        os.utime(top / path, (DATE_S, DATE_S), follow_symlinks=False)
    # The innermost first: whatever is made in a directory changes its date.
    for directory in (*reversed(directories), "."):
        _settle(top / directory)


def _settle_above(top: Path, tree: Path) -> None:
    """The directories that lead to a tree; those that lie below a mount point are in the partition, too."""
    for above in PurePosixPath(top.relative_to(tree)).parents:
        _settle(tree / above)


def _settle(directory: Path) -> None:
    directory.chmod(0o755)
    os.utime(directory, (DATE_S, DATE_S))
