"""Look at a Kolibri home that was in use: what sealing it would remove, what would stay, and why it must not be sealed.

Reads only, and needs no Kolibri.
"""

from __future__ import annotations

import os
import re
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from builder.errors import MasterError
from builder.kolibri.names import names, secrets
from builder.kolibri.rebuilt import rows_to_go
from builder.kolibri.stopped import explained, require_stopped
from builder.kolibri.table_words import words_of
from builder.kolibri.traces import ALLOWED_ROWS, LEFTOVERS, half_done, opened, strangers

STAGE: Final = ".satchel-sealing"
"""In a home that is being sealed: the new databases. As long as it is there, the home is not sealed."""

_JOURNALS: Final = ("-wal", "-shm", "-journal")
_SETTING: Final = re.compile(r"\s*([A-Za-z_]+)\s*=\s*(.*?)\s*")
_HOLDS_DATA: Final = {
    "DATABASE_ENGINE": "sqlite",
    "DATABASE_NAME": "db.sqlite3",
    "JOB_STORAGE_FILEPATH": "job_storage.sqlite3",
}
"""Settings by which data lie elsewhere, and the value with which they lie in the home as Satchel knows it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rows:
    """Rows of one table that go."""

    database: str
    table: str
    rows: int

    @property
    def what(self) -> str:
        """What they are, in people's words."""
        return words_of(self.table)


@dataclass(frozen=True, slots=True, kw_only=True)
class Leftover:
    """A file or directory that goes."""

    path: Path
    what: str
    files: int
    size_bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptChannel:
    """A channel that stays."""

    id: str
    name: str
    resources: int
    """Resources that learners can open."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Contents:
    """What the databases of a home hold."""

    rows: tuple[Rows, ...]
    channels: tuple[KeptChannel, ...]
    secrets: frozenset[str]
    names: frozenset[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class UsedHome:
    """A home as it is found."""

    path: Path
    version: str
    contents: Contents
    leftovers: tuple[Leftover, ...]
    settings: tuple[str, ...]
    """What options.ini sets, a line each."""
    content: Path
    """Where its channels lie: in the home, or where options.ini says."""

    @property
    def elsewhere(self) -> bool:
        """Whether its channels lie outside of it, or would not be found there without its settings."""
        return self.content != self.path / "content"

    @property
    def sealed(self) -> bool:
        """Whether there is nothing to remove."""
        return not self.contents.rows and not self.leftovers


def look(home: Path) -> UsedHome:
    """What is in a home whose server is stopped.

    Raises:
        MasterError: it is no Kolibri home, in use, or holds or leads to something that Satchel does not know.
    """
    home = Path(os.path.realpath(home))
    with explained(home):
        _require_home(home)
        require_stopped(home)
        settings = _settings(home)
        _require_known(home, settings)
        found = []
        for name in ALLOWED_ROWS:
            with opened(home / name) as database:
                found.append(contents_of(database, name))
        # Unlike Path's methods these take whatever somebody wrote.
        chosen = os.path.expanduser(settings.get("CONTENT_DIR") or "content")  # noqa: PTH111
        return UsedHome(
            path=home,
            version=(home / ".data_version").read_text(encoding="utf-8", errors="replace").strip(),
            contents=together(found),
            leftovers=tuple(_leftovers(home)),
            settings=tuple(f"{key} = {value}" for key, value in settings.items()),
            content=Path(os.path.realpath(home / chosen)),
        )


def contents_of(database: sqlite3.Connection, name: str) -> Contents:
    """What one of a home's databases holds; `name` is that of its file."""
    lost = rows_to_go(database, ALLOWED_ROWS[name])
    return Contents(
        rows=tuple(Rows(database=name, table=table, rows=rows) for table, rows in lost.items()),
        channels=tuple(_channels(database)) if name == "db.sqlite3" else (),
        secrets=secrets(database),
        names=names(database),
    )


def together(found: Sequence[Contents]) -> Contents:
    """What several databases hold."""
    return Contents(
        rows=tuple(rows for contents in found for rows in contents.rows),
        channels=tuple(channel for contents in found for channel in contents.channels),
        secrets=frozenset().union(*(contents.secrets for contents in found)),
        names=frozenset().union(*(contents.names for contents in found)),
    )


def _require_home(home: Path) -> None:
    missing = [name for name in (*ALLOWED_ROWS, ".data_version") if not (home / name).is_file()]
    if not missing:
        return
    if len(missing) > len(ALLOWED_ROWS):
        raise MasterError(f"{home} is no Kolibri home", hint="it is the directory with db.sqlite3, often ~/.kolibri")
    raise MasterError(
        f"{home} is not a whole Kolibri home of version 0.16 or later",
        details="\n".join(f"{name} is missing" for name in missing),
        hint="start Kolibri on it once, so that it makes what it needs, and stop it",
    )


def _require_known(home: Path, settings: Mapping[str, str]) -> None:
    elsewhere = [
        f"{key} = {settings[key]}" for key, known in _HOLDS_DATA.items() if settings.get(key, known) not in {known, ""}
    ]
    if elsewhere:
        raise MasterError(
            f"{home} keeps data of people outside itself",
            details="\n".join(f"options.ini: {line}" for line in elsewhere),
            hint="Satchel seals homes whose data lie in the home, under their usual names",
        )
    links = [name for name in (*ALLOWED_ROWS, *LEFTOVERS) if (home / name).is_symlink()]
    if links:
        raise MasterError(
            f"{home} keeps data of people outside itself",
            details="\n".join(f"{name} is a link to {(home / name).readlink()}" for name in links),
            hint="remove what the links lead to, and the links, or bring it into the home",
        )
    ours = {STAGE, *(f"{name}{journal}" for name in ALLOWED_ROWS for journal in _JOURNALS)}
    unknown = [path.name for path in strangers(home) if path.name not in ours and path.name not in LEFTOVERS]
    if unknown:
        raise MasterError(
            f"{home} holds what Satchel neither knows nor wants to remove",
            details="\n".join(unknown),
            hint="move it out of the home, or delete it yourself if it tells of people",
        )


def _settings(home: Path) -> dict[str, str]:
    """What options.ini sets, comments left out; Kolibri's own reader is not needed for a key and a value a line."""
    try:
        lines = (home / "options.ini").read_text(encoding="utf-8", errors="replace").splitlines()
    except FileNotFoundError:
        return {}
    found = (_SETTING.fullmatch(line) for line in lines)
    return {match[1]: match[2].strip("\"'") for match in found if match}


def _channels(database: sqlite3.Connection) -> Iterator[KeptChannel]:
    query = """SELECT id, name, (SELECT count(*) FROM content_contentnode AS node
                                 WHERE node.channel_id = channel.id AND available AND kind <> 'topic')
               FROM content_channelmetadata AS channel ORDER BY name, id"""
    for identifier, name, resources in database.execute(query):
        yield KeptChannel(id=identifier, name=name, resources=resources)


def _leftovers(home: Path) -> Iterator[Leftover]:
    if (home / STAGE).exists():
        yield _measured(home / STAGE, "a sealing that was cut off")
    for name, what in LEFTOVERS.items():
        if os.path.lexists(home / name):
            yield _measured(home / name, what)
    for path in half_done(home):
        yield _measured(path, "left from an import")


def _measured(path: Path, what: str) -> Leftover:
    inside = path.rglob("*") if path.is_dir() and not path.is_symlink() else (path,)
    sizes = [file.lstat().st_size for file in inside if file.is_symlink() or file.is_file()]
    return Leftover(path=path, what=what, files=len(sizes), size_bytes=sum(sizes))
