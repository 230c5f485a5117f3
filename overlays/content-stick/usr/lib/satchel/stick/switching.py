"""From the old state to the new one, in one step that nobody sees half of.

Kolibri's databases are copied while Kolibri stands still; Kolibri's own commands import into the copy, in a home beside
the real one, with the very environment of the service, so that it stays who it is. What came of it is counted. Then a
decision is written down, and from there on everything is a renaming that any later start can finish: the database
first, which alone says what there is, then those of the channels.
"""

from __future__ import annotations

import json
import shutil
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

from device import accounts, environment, files, kolibri_home
from device.commands import run as run_command
from device.errors import DeviceError
from stick import applied, copying
from stick.applied import Applied
from stick.copying import Spoiled, Stick
from stick.manifest import Channel, ContentFile
from stick.places import Places

_PLAIN_FILES = (".data_version", "plugins.json", "options.ini")
_COMPANIONS = ("-wal", "-shm")
_HOURS = 6 * 3600.0
_BUSY_SECONDS = 30.0
_UNCHANGED = "Nothing has changed. Send this text to your support."


def installed(home: Path) -> dict[str, int]:
    """The versions of the channels that a home's Kolibri knows, by id.

    Raises:
        sqlite3.Error: its database cannot be read.
    """
    uri = f"{(home / kolibri_home.MAIN_DATABASE).absolute().as_uri()}?mode=ro"
    with closing(sqlite3.connect(uri, uri=True, timeout=_BUSY_SECONDS)) as db:
        return dict(db.execute("SELECT id, version FROM content_channelmetadata"))


def own_bytes(home: Path) -> int:
    """The size of Kolibri's own databases."""
    return sum((home / name).stat().st_size for name in kolibri_home.DATABASES if (home / name).exists())


def bring_databases(channels: Sequence[Channel], stick: Stick, places: Places) -> None:
    """Copy the channels' databases into a drive of our own: from here on the stick is not needed.

    Raises:
        Refused: one is spoiled.
        Removed: the stick is gone.
        DeviceError: the disk cannot be written.
    """
    drive, user = places.staging / "drive" / "content", places.kolibri.user
    offer = {
        "channels": [
            {"id": channel.id, "version": channel.version, "include_node_ids": channel.nodes} for channel in channels
        ],
        "channel_list_hash": "",
    }
    spoiled = []
    try:
        with accounts.acting_as(user):
            (drive / "databases").mkdir(parents=True)
            (drive / "manifest.json").write_text(json.dumps(offer), encoding="utf-8")
        for channel in channels:
            name = f"content/{channel.path}"
            try:
                stick.copy(name, channel.database, drive / channel.path, user=user, advance=lambda _: None)
            except Spoiled as error:
                spoiled.append(str(error))
    except OSError as error:
        raise DeviceError(f"a channel's database cannot be written: {error}", advice=_UNCHANGED) from error
    if spoiled:
        raise copying.damaged(spoiled)


def prepare(channels: Sequence[Channel], present: Iterable[ContentFile], places: Places, *, serial: int) -> None:
    """Make the new state beside the old one and decide for it. Kolibri must stand still, until `finish` is done.

    Args:
        channels: What is new; see `bring_databases`.
        present: All files of the stick; they are in Kolibri's storage by now.
        places: Where.
        serial: The stick's.

    Raises:
        DeviceError: Kolibri could not import, or what came of it is not what the stick promised.
    """
    live = places.home / kolibri_home.MAIN_DATABASE
    home = places.staging / "home"
    try:
        with accounts.acting_as(places.kolibri.user):
            _settle_database(live)
            before = _fingerprint(live)
            _copy_home(places.home, home)
        for channel in channels:
            _import(channel, present, places, home)
        with accounts.acting_as(places.kolibri.user):
            _stay_oneself(live, home / kolibri_home.MAIN_DATABASE)
            problems = [*_miscounted(channels, home), *kolibri_home.damage(home)]
            _settle_database(home / kolibri_home.MAIN_DATABASE)
            copying.make_durable(home)
    except (OSError, sqlite3.Error) as error:
        raise DeviceError(f"the new channels could not be taken in: {error}", advice=_UNCHANGED) from error
    if problems:
        raise DeviceError(f"what Kolibri took in is not what the stick holds: {problems}", advice=_UNCHANGED)
    decision = {
        "before": before,
        "after": _fingerprint(home / kolibri_home.MAIN_DATABASE),
        "applied": applied.dumped({channel.id: Applied.of(channel, serial) for channel in channels}),
    }
    files.write(places.decision, json.dumps(decision, indent=1) + "\n", mode=0o600)


def finish(places: Places) -> bool:
    """Carry out what was decided, from wherever it was broken off. Kolibri must stand still.

    Returns:
        Whether the new state is there. A decision is dropped when the old state has changed since: then the new one,
        which was made from it, would lose what has been done meanwhile.
    """
    text = files.read(places.decision)
    if text is None:
        return False
    decision: dict[str, Any] = json.loads(text)
    live, staged = places.home / kolibri_home.MAIN_DATABASE, places.staging / "home"
    now = _fingerprint(live)
    if now == decision["before"] and not _has_log(live):
        with accounts.acting_as(places.kolibri.user):
            for companion in _COMPANIONS:
                live.with_name(live.name + companion).unlink(missing_ok=True)
            (staged / kolibri_home.MAIN_DATABASE).rename(live)
            files.sync_directory(places.home)
    elif now[0] != decision["after"][0]:
        _forget(places)
        return False
    with accounts.acting_as(places.kolibri.user):
        _move_databases(staged / "content" / "databases", places.content / "databases")
    known = applied.load(places.memory)
    brought = {
        name: Applied(**{**entry, "nodes": tuple(entry["nodes"])}) for name, entry in decision["applied"].items()
    }
    applied.save(places.memory, known | brought)
    _forget(places)
    places.verified.unlink(missing_ok=True)
    return True


def _forget(places: Places) -> None:
    places.decision.unlink(missing_ok=True)
    files.sync_directory(places.state)
    shutil.rmtree(places.staging, ignore_errors=True)


def _move_databases(source: Path, target: Path) -> None:
    target.mkdir(parents=True, exist_ok=True)
    for database in sorted(source.glob("*.sqlite3")):
        database.rename(target / database.name)
    files.sync_directory(target)


def _fingerprint(path: Path) -> list[int]:
    """Tells a file from what it was: a renaming keeps it, a write changes it."""
    facts = path.stat()
    return [facts.st_ino, facts.st_size, facts.st_mtime_ns]


def _has_log(database: Path) -> bool:
    log = database.with_name(f"{database.name}-wal")
    return log.exists() and log.stat().st_size > 0


def _settle_database(path: Path) -> None:
    """Bring into the file what lies in the log beside it: a file that is renamed must not meet another one's log.

    Raises:
        sqlite3.OperationalError: somebody uses it.
    """
    with closing(sqlite3.connect(path, timeout=_BUSY_SECONDS)) as db:
        busy, _, _ = db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
    if busy or _has_log(path):
        raise sqlite3.OperationalError(f"{path} is in use")


def _copy_home(home: Path, target: Path) -> None:
    """By SQLite itself. The small databases come along because Kolibri starts without them, but not well."""
    target.mkdir(mode=0o700)
    for name in kolibri_home.DATABASES:
        with (
            closing(sqlite3.connect(home / name, timeout=_BUSY_SECONDS)) as old,
            closing(sqlite3.connect(target / name)) as new,
        ):
            old.backup(new)
        (target / name).chmod((home / name).stat().st_mode & 0o777)
    for name in _PLAIN_FILES:
        if (home / name).exists():
            shutil.copyfile(home / name, target / name)


def _import(channel: Channel, present: Iterable[ContentFile], places: Places, home: Path) -> None:
    """Take a channel into the home in staging. No file of content is copied: all are where Kolibri looks for them."""
    drive = str(places.staging / "drive")
    _kolibri(places, home, "importchannel", "disk", channel.id, drive)
    # Otherwise Kolibri insists on room for all of them once more, although they are there.
    with accounts.acting_as(places.kolibri.user), closing(sqlite3.connect(home / kolibri_home.MAIN_DATABASE)) as db, db:
        names = ((file.name.partition(".")[0],) for file in present)
        db.executemany("UPDATE content_localfile SET available = 1 WHERE id = ?", names)
    _kolibri(places, home, "importcontent", "--fail-on-error", "disk", channel.id, drive)


def _stay_oneself(live: Path, staged: Path) -> None:
    """Kolibri notes the path of its database beside its instance id, which would be that in staging."""
    with closing(sqlite3.connect(staged)) as db:
        db.execute("ATTACH ? AS live", (str(live),))
        with db:
            db.execute("DELETE FROM morango_instanceidmodel")
            db.execute("INSERT INTO morango_instanceidmodel SELECT * FROM live.morango_instanceidmodel")
        db.execute("DETACH live")


def _kolibri(places: Places, home: Path, *arguments: str) -> None:
    own: dict[str, str] = {}
    for source in places.environment:
        own |= environment.parse(files.read(source) or "")
    env = {
        **own,
        "HOME": str(home),
        "KOLIBRI_HOME": str(home),
        "KOLIBRI_CONTENT_FALLBACK_DIRS": f"{places.content};{places.preloaded}",
        "KOLIBRI_NO_FILE_BASED_LOGGING": "1",
        "PYTHONDONTWRITEBYTECODE": "1",
    }
    argv = (str(places.venv / "bin/kolibri"), "manage", *arguments)
    why = f"Kolibri could not take in a channel ({arguments[0]})"
    run_command(argv, why=why, advice=_UNCHANGED, env=env, user=places.kolibri.user, timeout=_HOURS)


def _miscounted(channels: Sequence[Channel], home: Path) -> Iterator[str]:
    """Kolibri exits with 0 for imports that imported nothing; so what it would show is counted."""
    with closing(sqlite3.connect(home / kolibri_home.MAIN_DATABASE)) as db:
        versions = dict(db.execute("SELECT id, version FROM content_channelmetadata"))
        for channel in channels:
            found = sum(_shown(db, channel.nodes))
            if found < channel.resources or versions.get(channel.id) != channel.version:
                version = versions.get(channel.id)
                yield f"{channel.name}, version {version}: {found} resources instead of {channel.resources}"
            if not (home / "content" / channel.path).is_file():
                yield f"{channel.name}: its database was not kept"


def _shown(db: sqlite3.Connection, nodes: Sequence[str]) -> Iterator[int]:
    """How many resources are available below each node, which do not lie in one another."""
    for node in nodes:
        yield from db.execute(
            "SELECT count(*) FROM content_contentnode n JOIN content_contentnode top ON n.channel_id = top.channel_id"
            " WHERE top.id = ? AND n.lft BETWEEN top.lft AND top.rght AND n.available AND n.kind <> 'topic'",
            (node,),
        ).fetchone()
