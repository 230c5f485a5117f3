"""What another machine's Kolibri has: its db.sqlite3 is looked at for that, and nothing of it is kept.

The database holds learners, their names and what they did. It comes into a directory that only we can read, in memory
where there is such a place, two tables of content are asked, and it is gone before anything else happens.
"""

from __future__ import annotations

import shutil
import sqlite3
from collections import defaultdict
from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from builder.content.source.source import Listed
from builder.errors import PlanError

NAMES: Final = ("db.sqlite3", "db.sqlite3-wal")
_MEMORY: Final = Path("/dev/shm")
_ENOUGH: Final = 1 << 30


@dataclass(frozen=True, slots=True, kw_only=True)
class Holdings:
    """What a home has, as its own database says it."""

    listed: tuple[Listed, ...]
    nodes: Mapping[str, frozenset[str]]
    """Available resources, by channel."""


def look_at(copy: Callable[[Path], None], called: str) -> Holdings:
    """Have a home's database copied, and ask it.

    Args:
        copy: Puts the files of `NAMES` into a directory.
        called: The home, for messages.

    Raises:
        PlanError: it is no database of a Kolibri.
    """
    with TemporaryDirectory(prefix="satchel-", dir=_room()) as directory:
        copy(Path(directory))
        try:
            with closing(sqlite3.connect(Path(directory, NAMES[0]))) as database:
                return _asked(database)
        except sqlite3.Error as error:
            raise PlanError(f"{called} is not the home of a Kolibri that Satchel can read: {error}") from error


def _asked(database: sqlite3.Connection) -> Holdings:
    titles = database.execute("SELECT id, name, version FROM content_channelmetadata").fetchall()
    nodes: defaultdict[str, set[str]] = defaultdict(set)
    query = "SELECT channel_id, id FROM content_contentnode WHERE available AND kind <> 'topic'"
    for channel, node in database.execute(query):
        nodes[channel].add(node)
    return Holdings(
        listed=tuple(sorted(Listed(id=key, name=name, version=version) for key, name, version in titles)),
        nodes={channel: frozenset(found) for channel, found in nodes.items()},
    )


def _room() -> Path | None:
    """Memory, if there is enough of it; else where temporary files go."""
    if _MEMORY.is_dir() and shutil.disk_usage(_MEMORY).free > _ENOUGH:
        return _MEMORY
    return None
