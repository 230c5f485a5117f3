"""Content in a lock: what the recipe's sources have today, channel by channel, and how it comes into the pools."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from builder.content.fetch import Wanted, fetch_files
from builder.content.pool.pool import ContentPool
from builder.content.source.opening import open_source
from builder.content.source.source import Source
from builder.errors import HostError, PlanError, SatchelError
from builder.host.pool import Pool
from builder.kolibri.channels import Channel, content_directory, files_digest, read_channel
from builder.kolibri.selection import Choice
from builder.lock.apt import Upgrade
from builder.lock.model import Content, Lock, LockedChannel
from builder.progress import Reporter
from builder.recipe.content import Channels, ChannelSource, ContentSource
from builder.recipe.load import Loaded


def contents(loaded: Loaded) -> tuple[Content, ...]:
    """The pieces that Satchel makes itself, in the order of the recipe; what is asked for says everything."""
    return tuple(_content(number, source) for number, source in enumerate(loaded.recipe.content) if source.demo)


def _content(number: int, source: ContentSource) -> Content:
    assert source.demo is not None
    digest = hashlib.sha256(source.demo.model_dump_json().encode()).hexdigest()
    asked = f"{source.demo.lessons} lessons in {', '.join(source.demo.languages)}"
    return Content(source=number, digest=digest, description=f"demonstration channel, {asked}")


def resolve_channels(
    loaded: Loaded,
    *,
    earlier: Lock | None,
    as_before: Callable[[int], bool],
    upgrade: Upgrade,
    pool: Pool,
    reporter: Reporter,
) -> Iterator[LockedChannel]:
    """Every channel that the recipe asks for, as its sources have it; the databases are in the pool afterwards.

    Args:
        loaded: The recipe.
        earlier: The lock that this one follows; what did not change keeps its version.
        as_before: Whether the recipe's entry of that number asks for the same as when the earlier lock was made.
        upgrade: What may get another version all the same.
        pool: Where databases go.
        reporter: Who is told.

    Raises:
        RecipeError: no source has the channel or knows the token.
        HostError: a source cannot be reached.
    """
    for number, source in enumerate(loaded.recipe.content):
        if source.channels is None:
            continue
        known = [channel for channel in earlier.channels if channel.source == number] if earlier else []
        concerned = upgrade.everything or any(channel.id in upgrade.names for channel in known)
        if known and as_before(number) and not concerned:
            yield from known
            continue
        with reporter.step(f"resolve content[{number}]"), pool.scratch() as room:
            yield from _Entry(loaded=loaded, number=number, asked=source.channels, pool=pool, room=room).resolved()


def fetch_channels(
    loaded: Loaded, channels: Iterable[LockedChannel], *, offline: bool, reporter: Reporter, files: bool = True
) -> None:
    """Bring the databases of channels into the pool, and the files that they name into the pool of content.

    Raises:
        PlanError: `offline`, and something is missing; or a source has another version by now.
        HostError: a source cannot be reached, or spoils what it sends.
    """
    wanted = tuple(channels)
    pool = Pool()
    missing = pool.missing(wanted)
    if missing and offline:
        names = ", ".join(channel.name for channel in missing)
        raise PlanError(
            f"the pool lacks the databases of {names}, and the network may not be used",
            hint="fetch them where the sources can be reached: `satchel content fetch`",
        )
    for channel in missing:
        _fetch_database(loaded, channel, pool)
    if files:
        read = [(locked_channel(each, pool), each) for each in wanted]
        asked = [
            Wanted(name=channel.name, files=channel.files, sources=_opener(loaded, each)) for channel, each in read
        ]
        fetch_files(asked, ContentPool(), offline=offline, reporter=reporter)


def locked_channel(locked: LockedChannel, pool: Pool) -> Channel:
    """The channel that a lock means, read from its database in the pool.

    Raises:
        ArtifactError: the database is not in the pool, or was damaged there.
        PlanError: this Satchel selects other files of it than the one that made the lock.
    """
    choice = Choice(include=locked.nodes, unrenderable=locked.unrenderable, all_thumbnails=locked.all_thumbnails)
    channel = read_channel(pool.verified(locked), choice, named=locked.id)
    if files_digest(channel) != locked.digest:
        raise PlanError(
            f"{locked.name} has other files now than when it was locked",
            hint="another version of Satchel made the lock: `satchel lock --upgrade` makes it again",
        )
    return channel


def local_marks(loaded: Loaded) -> dict[str, str]:
    """What the recipe's drives, homes and archives look like now, without reading them: by content and source."""
    marks: dict[str, str] = {}
    for number, source in enumerate(loaded.recipe.content):
        for place, where in enumerate(source.channels.sources if source.channels else ()):
            name = where.drive or where.home or where.archive
            if name and "://" not in name:
                marks[f"content {number} source {place}"] = _mark(loaded.path(name))
    return marks


@dataclass(frozen=True, slots=True, kw_only=True)
class _Entry:
    """One entry of the recipe's content."""

    loaded: Loaded
    number: int
    asked: Channels
    pool: Pool
    room: Path

    def resolved(self) -> Iterator[LockedChannel]:
        for place, channel in enumerate(self.asked.ids or self._all()):
            yield self._resolved(channel, place)

    def _all(self) -> tuple[str, ...]:
        source = open_source(self.asked.sources[0], self.loaded.path)
        return tuple(listed.id for listed in source.channels())

    def _resolved(self, asked: str, place: int) -> LockedChannel:
        complaints: list[str] = []
        unreachable = False
        for where in self.asked.sources:
            try:
                source = open_source(where, self.loaded.path)
                channel = source.identify(asked)
                if channel is not None:
                    return self._locked(source, channel)
                complaints.append(f"{source.name} does not have it")
            except (HostError, PlanError) as error:
                unreachable |= isinstance(error, HostError)
                complaints.append(error.message)
        kind = HostError if unreachable else PlanError
        problem = self.loaded.problem(("content", self.number, "channels", "ids", place), f"no source has {asked}")
        raise kind(str(problem), details="\n".join(complaints), hint="`satchel content list SOURCE` shows what one has")

    def _locked(self, source: Source, channel: str) -> LockedChannel:
        target = self.room / f"{channel}.sqlite3"
        offered = source.database(channel, target)
        choice = Choice(
            include=self.asked.include,
            exclude=self.asked.exclude,
            languages=self.asked.languages,
            unrenderable=self.asked.unrenderable,
            all_thumbnails=self.asked.thumbnails == "all",
        )
        read = read_channel(target, choice, offered=offered)
        if not read.resources:
            raise PlanError(f"{source.name} has no resource of the channel {read.name}")
        with target.open("rb") as file:
            sha256 = hashlib.file_digest(file, "sha256").hexdigest()
        locked = LockedChannel(
            source=self.number,
            id=read.id,
            name=one_line(read.name),
            version=read.version,
            nodes=read.nodes,
            unrenderable=read.unrenderable,
            all_thumbnails=read.all_thumbnails,
            resources=read.resources,
            files=len(read.files),
            bytes=read.size - read.database_size,
            languages=read.languages,
            licences=read.licences,
            digest=files_digest(read),
            size_bytes=read.database_size,
            sha256=sha256,
        )
        self.pool.take(target, locked)
        return locked


def _sources(loaded: Loaded, locked: LockedChannel) -> tuple[ChannelSource, ...]:
    entry = loaded.recipe.content[locked.source].channels
    return entry.sources if entry else ()


def _opener(loaded: Loaded, locked: LockedChannel) -> tuple[Callable[[], Source], ...]:
    """Sources are opened only when something is asked of them: one that is away does not matter before."""

    def opener(where: ChannelSource) -> Callable[[], Source]:
        return lambda: open_source(where, loaded.path)

    return tuple(opener(where) for where in _sources(loaded, locked))


def _fetch_database(loaded: Loaded, locked: LockedChannel, pool: Pool) -> None:
    complaints: list[str] = []
    for opened in _opener(loaded, locked):
        with pool.scratch() as room:
            target = room / locked.file
            try:
                source = opened()
                source.database(locked.id, target)
                pool.take(target, locked)
            except SatchelError as error:
                complaints.append(_why_not(error, target, locked))
            else:
                return
    raise PlanError(
        f"no source has {locked.name} in version {locked.version}, which the lock names",
        details="\n".join(complaints),
        hint="`satchel lock --upgrade` takes today's version; a bundle keeps what is still there (`satchel bundle`)",
    )


def _why_not(error: SatchelError, database: Path, locked: LockedChannel) -> str:
    try:
        there = read_channel(database, Choice(), named=locked.id)
    except (PlanError, OSError):
        return error.message
    return f"{error.message}: version {there.version}" if there.version != locked.version else error.message


def _mark(place: Path) -> str:
    """Names, sizes and times of what describes the content: the same as long as nothing was exported to it."""
    try:
        content = place if place.is_file() else content_directory(place)
    except PlanError:
        return "not there"
    named = (
        [content] if content.is_file() else [*sorted(content.glob("databases/*.sqlite3")), content / "manifest.json"]
    )
    facts = [(path.name, path.stat().st_size, path.stat().st_mtime_ns) for path in named if path.exists()]
    return hashlib.sha256(repr(facts).encode()).hexdigest()


def one_line(name: str) -> str:
    """A channel's name, which may hold anything, as a line of text holds it."""
    return " ".join("".join(letter if letter.isprintable() else " " for letter in name).split())
