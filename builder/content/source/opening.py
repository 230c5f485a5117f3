"""From what a recipe or a person says to the source itself."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from builder.content.source.archive import ArchiveSource
from builder.content.source.directory import DirectorySource
from builder.content.source.home import open_home
from builder.content.source.server import ServerSource
from builder.content.source.source import Source
from builder.content.source.ssh import open_far_home
from builder.recipe.content import ChannelSource


def open_source(where: ChannelSource, at: Callable[[str], Path]) -> Source:
    """The source that a recipe names; `at` makes paths of its names.

    Raises:
        PlanError: it is not what the recipe says it is.
        HostError: it cannot be reached.
    """
    if where.drive:
        return DirectorySource(directory=at(where.drive))
    if where.home and where.home.startswith("ssh://"):
        return open_far_home(where.home)
    if where.home:
        return open_home(at(where.home))
    if where.archive:
        return ArchiveSource(at(where.archive))
    assert where.server is not None, "exactly one is given"
    return ServerSource(where.server)
