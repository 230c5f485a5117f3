"""Write channels as a drive that Kolibri reads: what an export by Kolibri itself is, but verified and gone on with.

Whoever looks at the drive meanwhile, or after its power was cut, finds whole files only: every one is written under
another name, waited for, and renamed. A channel is named in the manifest when all of it is there, so a drive that was
pulled too early offers what it has.
"""

from __future__ import annotations

import errno
import hashlib
import json
import os
import shutil
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from builder.content.laying import Piece
from builder.content.pool.pool import ContentPool
from builder.errors import HostError, PlanError
from builder.host.whole import write_out
from builder.kolibri.channels import ContentFile, database_path, listed, opened
from builder.units import format_size

_BLOCK: Final = 1 << 20
_BATCH_FILES: Final = 500
_BATCH_BYTES: Final = 256 << 20
"""What is waited for at once: a wait for each small file would take most of the time."""

_UNFINISHED: Final = ".satchel-unfinished"
_FULL: Final = (errno.ENOSPC, errno.EDQUOT)


@dataclass(frozen=True, slots=True, kw_only=True)
class Exported:
    """What an export did."""

    content: Path
    """The directory with `databases/` and `storage/`."""
    written: int
    """Files that were copied."""
    written_size: int
    there: int
    """Files that were right already."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What has to be copied."""

    content: Path
    channels: tuple[Piece, ...]
    there: tuple[ContentFile, ...]
    absent: tuple[ContentFile, ...]

    @property
    def size(self) -> int:
        """Bytes to copy, without databases."""
        return sum(file.size for file in self.absent)


def plan_export(pieces: Sequence[Piece], target: Path, *, advance: Callable[[int], None] = lambda _size: None) -> Plan:
    """Look at the drive: what is there is read and compared.

    Args:
        pieces: The channels; their files are in the pool.
        target: The drive's top directory; made if its parent is there.
        advance: Told the bytes of each file that was looked for.

    Raises:
        PlanError: the drive holds a newer version of a channel, or is too small.
        HostError: it is no directory, or cannot be read.
    """
    content = target / "KOLIBRI_DATA" / "content"
    with _explained(target):
        target.mkdir(exist_ok=True)
        _refuse_older(pieces, content)
        _offered(content)
        there: list[ContentFile] = []
        absent: list[ContentFile] = []
        for file in sorted({file for piece in pieces for file in piece.channel.files}):
            (there if _is_right(content / file.path, file) else absent).append(file)
            advance(file.size)
        _refuse_full(target, content, pieces, absent)
    return Plan(content=content, channels=tuple(pieces), there=tuple(there), absent=tuple(absent))


def write_export(plan: Plan, pool: ContentPool, *, advance: Callable[[int], None] = lambda _size: None) -> Exported:
    """Copy what a plan names. Run it again to go on where it was broken off.

    Raises:
        HostError: the drive is full or broken, or files of the pool are damaged; channels that are whole are offered.
    """
    content = plan.content
    unfinished = content / _UNFINISHED
    damaged: dict[ContentFile, str] = {}
    try:
        with _explained(content.parents[1]):
            _prepared(content, unfinished)
            for batch in _batches(plan.absent):
                damaged |= _copied(batch, content, unfinished, pool, advance)
            whole = [piece for piece in plan.channels if not damaged.keys() & set(piece.channel.files)]
            for piece in whole:
                copy = unfinished / f"{piece.channel.id}.sqlite3"
                shutil.copyfile(piece.database, copy)
                write_out(content)
                copy.replace(database_path(content, piece.channel.id))
            _offer(whole, content, unfinished)
            write_out(content)
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)
    if damaged:
        raise HostError(
            f"{len(damaged)} files are damaged in the pool, so that channels are not whole on {content.parents[1]}",
            details="\n".join(f"{file.name}: {what}" for file, what in damaged.items()),
            hint="`satchel content verify RECIPE --fix` fetches them again; then run it again",
        )
    return Exported(content=content, written=len(plan.absent), written_size=plan.size, there=len(plan.there))


def _prepared(content: Path, unfinished: Path) -> None:
    # Left by a run that was killed.
    shutil.rmtree(unfinished, ignore_errors=True)
    for directory in (content / "databases", content / "storage", unfinished):
        directory.mkdir(parents=True, exist_ok=True)


def _copied(
    batch: Sequence[ContentFile],
    content: Path,
    unfinished: Path,
    pool: ContentPool,
    advance: Callable[[int], None],
) -> dict[ContentFile, str]:
    """Copy some files; returns those that are damaged in the pool, with what is wrong."""
    damaged: dict[ContentFile, str] = {}
    copied = []
    for file in batch:
        copy = unfinished / file.name
        if wrong := _copy(pool.path(file), copy, file, advance):
            damaged[file] = wrong
            copy.unlink(missing_ok=True)
        else:
            copied.append((copy, content / file.path))
    write_out(unfinished)
    for copy, final in copied:
        final.parent.mkdir(parents=True, exist_ok=True)
        copy.replace(final)
    return damaged


def _copy(source: Path, target: Path, file: ContentFile, advance: Callable[[int], None]) -> str | None:
    total, size = hashlib.md5(usedforsecurity=False), 0
    try:
        stream = source.open("rb")
    except FileNotFoundError:
        return "it is not in the pool"
    with stream, target.open("wb") as copy:
        while block := stream.read(_BLOCK):
            total.update(block)
            copy.write(block)
            size += len(block)
            advance(len(block))
    if size != file.size:
        return f"{size} bytes instead of {file.size}"
    return None if total.hexdigest() == file.md5 else f"MD5 {total.hexdigest()}"


def _is_right(path: Path, file: ContentFile) -> bool:
    try:
        if path.stat().st_size != file.size:
            return False
        with path.open("rb") as stream:
            return hashlib.file_digest(stream, lambda: hashlib.md5(usedforsecurity=False)).hexdigest() == file.md5
    except (FileNotFoundError, NotADirectoryError):
        return False


def _batches(files: Iterable[ContentFile]) -> Iterator[tuple[ContentFile, ...]]:
    batch: list[ContentFile] = []
    for file in files:
        batch.append(file)
        if len(batch) == _BATCH_FILES or sum(each.size for each in batch) >= _BATCH_BYTES:
            yield tuple(batch)
            batch = []
    if batch:
        yield tuple(batch)


def _refuse_older(pieces: Sequence[Piece], content: Path) -> None:
    if not (content / "databases").is_dir():
        return
    there = {key: version for key, _, version in listed(content)}
    newer = [piece.channel for piece in pieces if there.get(piece.channel.id, 0) > piece.channel.version]
    if newer:
        raise PlanError(
            f"the drive holds a newer version of {newer[0].name}",
            details="\n".join(f"{each.name}: {there[each.id]} there, {each.version} here" for each in newer),
            hint="`satchel lock --upgrade` takes the newest; or export to another drive",
        )


def _refuse_full(target: Path, content: Path, pieces: Sequence[Piece], absent: Sequence[ContentFile]) -> None:
    facts = os.statvfs(target)
    cluster = facts.f_frsize
    sizes = [file.size for file in absent]
    # A database is written beside the old one before it takes its place.
    sizes += [piece.channel.database_size for piece in pieces]
    needed = sum(-(-size // cluster) * cluster for size in sizes)
    free = facts.f_bavail * facts.f_frsize + _replaced(content, absent)
    if needed > free:
        largest = sorted(pieces, key=lambda piece: -piece.channel.size)
        raise PlanError(
            f"{target} is too small: {format_size(needed)} are to be copied and {format_size(free)} are free, "
            f"{format_size(needed - free)} too little",
            details="\n".join(f"{format_size(each.channel.size):>10}  {each.channel.name}" for each in largest),
            hint="nothing was written; `--channel ID` exports fewer channels",
        )


def _replaced(content: Path, absent: Sequence[ContentFile]) -> int:
    """Bytes that wrong files give back when they are replaced."""
    freed = 0
    for file in absent:
        with suppress(OSError):
            freed += (content / file.path).stat().st_size
    return freed


def _offer(whole: Sequence[Piece], content: Path, unfinished: Path) -> None:
    """Name channels in the manifest beside what it names already, as Kolibri merges exports.

    (kolibri/core/content/utils/content_manifest.py.) An entry for another version of one of these channels goes,
    because its database is no longer there.
    """
    path = content / "manifest.json"
    ours = {piece.channel.id: piece.channel for piece in whole}
    if path.exists():
        earlier = _offered(content)
    else:
        # Without a manifest all of a channel is offered; with one, only what it names.
        earlier = {(key, version): {opened(database_path(content, key), _root)} for key, _, version in listed(content)}
    offers = {
        (key, version): nodes
        for (key, version), nodes in earlier.items()
        if key not in ours or (path.exists() and ours[key].version == version)
    }
    for channel in ours.values():
        offers.setdefault((channel.id, channel.version), set()).update(channel.nodes)
    entries = [
        {"id": key, "version": version, "include_node_ids": sorted(nodes)} for (key, version), nodes in offers.items()
    ]
    digest = hashlib.md5(json.dumps(entries, sort_keys=True).encode(), usedforsecurity=False).hexdigest()
    copy = unfinished / "manifest.json"
    copy.write_text(json.dumps({"channels": entries, "channel_list_hash": digest}, indent=4), encoding="utf-8")
    write_out(content)
    copy.replace(path)


def _offered(content: Path) -> dict[tuple[str, int], set[str]]:
    """What the manifest names: nodes by channel and version."""
    path = content / "manifest.json"
    found: dict[tuple[str, int], set[str]] = {}
    try:
        for entry in json.loads(path.read_text(encoding="utf-8"))["channels"]:
            found.setdefault((str(entry["id"]), int(entry["version"])), set()).update(entry["include_node_ids"])
    except FileNotFoundError:
        pass
    except (ValueError, KeyError, TypeError) as error:
        raise PlanError(f"{path} is not a Kolibri content manifest: {error!r}") from error
    return found


def _root(database: sqlite3.Connection) -> str:
    (root,) = database.execute("SELECT root_id FROM content_channelmetadata").fetchone()
    return str(root)


@contextmanager
def _explained(target: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if error.errno in _FULL:
            raise HostError(
                f"{target} is full, although it said that there was room",
                hint="whole files stay there: make room and run it again. A drive that lies about its size never fits",
            ) from error
        if error.errno == errno.EFBIG:
            raise HostError(
                f"the file system of {target} takes no file as large as {error.filename or 'one of the content'}",
                hint="format the drive as exFAT: FAT32 ends at 4 GiB a file",
            ) from error
        raise HostError(f"{target} cannot be written: {error.strerror}") from error
