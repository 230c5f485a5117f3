"""From the word by which a person names a source to the source."""

from __future__ import annotations

from pathlib import Path

from builder.content.source.opening import open_source
from builder.content.source.source import Source
from builder.errors import PlanError
from builder.recipe.content import ChannelSource

_HOME = "db.sqlite3"


def where_of(word: str) -> ChannelSource:
    """What a recipe would say: a server or another machine's home by its address, else whatever is there.

    Raises:
        PlanError: there is nothing of that name, or it is an address of another kind.
    """
    if word.startswith("ssh://"):
        return ChannelSource(home=word)
    if word.startswith(("http://", "https://")):
        return ChannelSource(server=word)
    if "://" in word:
        raise PlanError(f"{word} is no address of channels", hint="write http://HOST:PORT or ssh://USER@HOST/DIRECTORY")
    path = Path(word).expanduser().absolute()
    if path.is_file():
        return ChannelSource(archive=str(path))
    if not path.is_dir():
        raise PlanError(
            f"there is no {word}", hint="give a drive, a Kolibri home, a tar or zip file, or an address with ://"
        )
    return ChannelSource(home=str(path)) if (path / _HOME).is_file() else ChannelSource(drive=str(path))


def source_of(word: str) -> Source:
    """The source that a person names.

    Raises:
        PlanError: it is none.
        HostError: it cannot be reached.
    """
    return open_source(where_of(word), Path)
