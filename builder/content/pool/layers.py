"""Layers of the cache that have files of the pool by further names: what is damaged in one is damaged in the other."""

from __future__ import annotations

import os
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final

from builder.content.pool.pool import ContentPool
from builder.host.holding import alone
from builder.host.places import cache_directory, remove_tree
from builder.host.scratch import set_aside
from builder.host.store import Store
from builder.host.survey import UNFINISHED
from builder.kolibri.channels import ContentFile

_LAYERS: Final = "layers"
_NAMES: Final = ("content", "files")


def drop_layers_with(files: Sequence[ContentFile], pool: ContentPool) -> int:
    """Throw away every layer of content or of files that has one of these files of the pool; a build makes it again.

    One that a build uses now stays; its image is refused when it is compared with its content.
    """
    inodes = set()
    for file in files:
        with suppress(FileNotFoundError):
            facts = pool.path(file).stat()
            inodes.add((facts.st_dev, facts.st_ino))
    dropped = 0
    for entry in Store(_LAYERS).entries():
        if entry.name in _NAMES and _holds(entry.path, inodes):
            with alone(entry.path) as free:
                if free:
                    remove_tree(set_aside(entry.path, cache_directory() / UNFINISHED))
                    dropped += 1
    return dropped


def _holds(top: Path, inodes: set[tuple[int, int]]) -> bool:
    """Whether a file below a directory is one of these, under whatever name."""
    for directory, _, names in os.walk(top):
        for name in names:
            facts = Path(directory, name).lstat()
            if (facts.st_dev, facts.st_ino) in inodes:
                return True
    return False
