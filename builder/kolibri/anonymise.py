"""Make a used Kolibri home anonymous where it stands, without Kolibri.

For each database a new one is made with nothing but allowed rows (`rebuilt`), in a directory of the home; all of them
are proved, and only then take the places of the old ones. Every step may be cut off: before the first database is
replaced the home is as it was, and afterwards sealing it again finishes. Until the very last step the directory is
there, and a home with it does not pass for sealed.
"""

from __future__ import annotations

import os
import re
import shutil
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from builder.errors import MasterError
from builder.kolibri.leftovers import remove, remove_leftovers
from builder.kolibri.rebuilt import published, rebuild
from builder.kolibri.search import found_in, sentences
from builder.kolibri.stopped import explained, held, require_stopped
from builder.kolibri.traces import ALLOWED_ROWS, LEFTOVERS, rows_beyond, unsealed
from builder.kolibri.used_home import STAGE, Contents, UsedHome, contents_of, together
from builder.progress import Reporter

_COPYING: Final = ".unfinished"
_CHANNEL: Final = re.compile(r"[0-9a-f]{32}\.sqlite3")


@dataclass(frozen=True, slots=True, kw_only=True)
class Proof:
    """What was searched for in the bytes of the sealed home, and not found."""

    searched: int
    common: int
    """More texts that were not searched for, because Kolibri or a channel says them, too."""


def anonymise(used: UsedHome, reporter: Reporter, *, copy: Path | None = None) -> Proof:
    """Seal the home; with `copy`, a directory that is not there yet, all that is lost is kept in it.

    Raises:
        MasterError: it is in use, cannot be read or written, or would not be sealed; says what has become of it.
    """
    home = used.path
    stage = home / STAGE
    if copy:
        require_place(copy, home)
    require_stopped(home)
    with explained(home), held(home) as databases:
        remove(stage)
        stage.mkdir(mode=0o700)
        try:
            contents = together([contents_of(database, name) for name, database in databases.items()])
            with reporter.step("write databases with nothing but content"):
                for name, database in databases.items():
                    rebuild(database, stage / name, ALLOWED_ROWS[name])
            with reporter.step("look for everybody in them"):
                proof, needles = _prove(used, contents, stage)
            if copy:
                with reporter.step("keep a copy of what goes", detail=str(copy)):
                    _keep(used, databases, copy)
        except BaseException:
            remove(stage)
            raise
        with reporter.step("put them in place"):
            _swap(home, stage)
        left = (*unsealed(home), *sentences(found_in(_stays(home), needles), home))
    if left:
        raise MasterError(
            f"{home} is not sealed: somebody worked on it meanwhile", details="\n".join(left), hint="seal it again"
        )
    return proof


def require_place(copy: Path, home: Path) -> None:
    """Refuse a directory for the copy that is in the way.

    Raises:
        MasterError: there is something, or it lies in the home.
    """
    if Path(os.path.realpath(copy)).is_relative_to(home):
        raise MasterError(f"{copy} lies in the home that is to be sealed", hint="keep the copy elsewhere")
    if os.path.lexists(copy) or not copy.parent.is_dir():
        problem = "is there already" if os.path.lexists(copy) else "cannot be made: there is no directory around it"
        raise MasterError(f"{copy} {problem}", hint="name a new directory in one that is there")


def _prove(used: UsedHome, contents: Contents, stage: Path) -> tuple[Proof, frozenset[str]]:
    """Refuse new databases, or other files that stay, which hold anybody; what was searched for."""
    home, names, texts = used.path, contents.names - contents.secrets, contents.names | contents.secrets
    problems = [trace.what for name in ALLOWED_ROWS for trace in rows_beyond(stage / name, ALLOWED_ROWS[name])]
    common = set()
    for path, text in found_in(_channels(used), texts):
        if text in names:
            common.add(text)
        else:
            problems.append(f"{path} contains {text!r}")
    suspected = list(found_in((stage / name for name in ALLOWED_ROWS), texts - common))
    common |= {text for path, text in suspected if text in names and published(path, text)}
    hits = [*suspected, *found_in(_beside(home), texts)]
    problems += sentences(((path, text) for path, text in hits if text not in common), home)
    if problems:
        raise MasterError(
            f"{home} could not be sealed, and is as it was", details="\n".join(problems),
            hint="move files that do not belong there away; if it is a database, please report this without the names",
        )  # fmt: skip
    needles = frozenset(texts - common)
    return Proof(searched=len(needles), common=len(common)), needles


def _channels(used: UsedHome) -> Iterator[Path]:
    """The databases of channels, which are as they were published."""
    return (path for path in sorted((used.content / "databases").glob("*.sqlite3")) if _CHANNEL.fullmatch(path.name))


def _beside(home: Path) -> Iterator[Path]:
    """Files that stay and are neither databases nor content."""
    content = home / "content"
    there = content.iterdir() if content.is_dir() else ()
    others = (path for path in there if path.name not in {"storage", "databases"})
    tops = (home / ".data_version", home / "plugins.json", *sorted(others))
    return (path for top in tops for path in (top, *sorted(top.rglob("*"))) if path.is_file())


def _stays(home: Path) -> Iterator[Path]:
    yield from (home / name for name in ALLOWED_ROWS)
    yield from _beside(home)


def _keep(used: UsedHome, databases: Mapping[str, sqlite3.Connection], copy: Path) -> None:
    unfinished = copy.with_name(f"{copy.name}{_COPYING}")
    remove(unfinished)
    unfinished.mkdir(mode=0o700)
    try:
        for name, database in databases.items():
            # Not as a file: closing it would give up the lock.
            with closing(sqlite3.connect(unfinished / name)) as target:
                database.backup(target)
        for path in _lost(used):
            target_path = unfinished / path.relative_to(used.path)
            target_path.parent.mkdir(parents=True, exist_ok=True)
            if path.is_dir() and not path.is_symlink():
                shutil.copytree(path, target_path, symlinks=True)
            else:
                shutil.copy2(path, target_path, follow_symlinks=False)
        for path in (*unfinished.rglob("*"), unfinished):
            if not path.is_symlink():
                _sync(path)
        unfinished.rename(copy)
        _sync(copy.parent)
    except BaseException:
        remove(unfinished)
        raise


def _lost(used: UsedHome) -> Iterator[Path]:
    return (path for name in LEFTOVERS if os.path.lexists(path := used.path / name))


def _swap(home: Path, stage: Path) -> None:
    for name in ALLOWED_ROWS:
        old = (home / name).stat()
        os.chown(stage / name, old.st_uid, old.st_gid)
        (stage / name).chmod(old.st_mode & 0o777)
    _sync(stage)
    for name in ALLOWED_ROWS:
        # The lock is ours and the journals are worked off; one that stayed would be taken for one of the new file.
        for journal in ("-wal", "-shm", "-journal"):
            (home / f"{name}{journal}").unlink(missing_ok=True)
        (stage / name).replace(home / name)
    remove_leftovers(home)
    _sync(home)
    remove(stage)
    _sync(home)


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
