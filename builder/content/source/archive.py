"""Channels in an archive: a tar, plain or packed, or a zip, of a drive, a home or a content directory.

Nothing is ever extracted under a name of the archive's. A file of content is known by the end of its name, whatever
stands before it and in whatever script, and its MD5 is compared as that of any other; databases get names of ours.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from tempfile import mkdtemp
from typing import Final
from weakref import finalize

from builder.content.pool.pool import ContentPool, Spoilt
from builder.content.pool.room import explained
from builder.content.source.directory import DirectorySource
from builder.content.source.source import Listed
from builder.errors import PlanError
from builder.kolibri.channels import ContentFile
from builder.kolibri.offer import whole_resources
from builder.members import Damaged, Member, members

_DATABASE: Final = re.compile(r"(?P<above>(?:.*/)?)databases/(?P<channel>[0-9a-f]{32})\.sqlite3", re.DOTALL)
_MANIFEST: Final = re.compile(r"(?P<above>(?:.*/)?)manifest\.json", re.DOTALL)
_STORED: Final = re.compile(r"(?:.*/)?storage/(.)/(.)/(?P<name>(?P<md5>\1\2[0-9a-f]{30})\.[A-Za-z0-9]+)", re.DOTALL)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Survey:
    """What was found in one reading of the archive."""

    databases: DirectorySource
    """A content directory with the databases and the manifest only."""
    stored: frozenset[str]
    """MD5s of the files of content."""


class ArchiveSource:
    """An archive of what `DirectorySource` reads. It is read as a stream, once to survey it and once for its files."""

    def __init__(self, path: Path) -> None:
        self._path = path

    @property
    def name(self) -> str:
        """See `Source`."""
        return f"archive {self._path}"

    def channels(self) -> tuple[Listed, ...]:
        """See `Source`."""
        with self._named():
            return self._survey.databases.channels()

    def identify(self, asked: str) -> str | None:
        """See `Source`; tokens are known to servers only."""
        with self._named():
            return self._survey.databases.identify(asked)

    def database(self, channel: str, target: Path) -> frozenset[str] | None:
        """See `Source`. Without a manifest that says it, what is offered is what is there."""
        with self._named():
            offered = self._survey.databases.database(channel, target)
            if offered is None:
                offered = whole_resources(target, self._survey.stored.intersection)
            if offered is not None and not offered:
                raise PlanError(f"it knows channel {channel}, but has nothing of it")
            return offered

    def bring(
        self, files: Sequence[ContentFile], pool: ContentPool, *, advance: Callable[[int], None]
    ) -> Mapping[ContentFile, str]:
        """See `Source`."""
        wanted = {file.name: file for file in files}
        failed: dict[ContentFile, str] = {}
        missing = "the archive does not hold it"
        try:
            for member in members(self._path):
                found = _STORED.fullmatch(member.name)
                if found is None or (file := wanted.get(found["name"])) is None:
                    continue
                try:
                    _take(member, file, pool, origin=self.name, advance=advance)
                except Spoilt as spoilt:
                    failed[file] = str(spoilt)
                del wanted[file.name]
                if not wanted:
                    break
        except Damaged as damage:
            missing = str(damage)
        pool.settle()
        return {**failed, **dict.fromkeys(wanted.values(), missing)}

    @cached_property
    def _survey(self) -> _Survey:
        directory = Path(mkdtemp(prefix="satchel-archive-"))
        finalize(self, shutil.rmtree, directory, ignore_errors=True)
        (directory / "databases").mkdir()
        above: set[str] = set()
        manifests: dict[str, Path] = {}
        stored: set[str] = set()
        try:
            for member in members(self._path):
                if found := _STORED.fullmatch(member.name):
                    stored.add(found["md5"])
                elif found := _DATABASE.fullmatch(member.name):
                    above.add(found["above"])
                    _copy(member, directory / "databases" / f"{found['channel']}.sqlite3")
                elif found := _MANIFEST.fullmatch(member.name):
                    manifests[found["above"]] = _copy(member, directory / f"manifest {len(manifests)}")
        except Damaged as damage:
            raise PlanError(str(damage), hint="copy or pack it again") from damage
        if len(above) > 1:
            raise PlanError(
                "it holds several content directories", details="\n".join(sorted(above)), hint="pack each for itself"
            )
        if not above:
            raise PlanError(
                "it holds no Kolibri content",
                hint="pack a drive exported by Kolibri, a Kolibri home or a content directory, with its `databases`",
            )
        if (manifest := manifests.get(above.pop())) is not None:
            manifest.rename(directory / "manifest.json")
        return _Survey(databases=DirectorySource(directory=directory), stored=frozenset(stored))

    @contextmanager
    def _named(self) -> Iterator[None]:
        """Say which archive it is about."""
        try:
            yield
        except PlanError as error:
            raise PlanError(f"{self.name}: {error.message}", details=error.details, hint=error.hint) from error


def _copy(member: Member, target: Path) -> Path:
    with explained(target), target.open("wb") as file:
        for block in member.blocks():
            file.write(block)
    return target


def _take(member: Member, file: ContentFile, pool: ContentPool, *, origin: str, advance: Callable[[int], None]) -> None:
    with pool.arriving(file, origin=origin) as arrival:
        if arrival is None:
            advance(file.size)
            return
        # What is there need not be the beginning of this one, and passing over it is as long a way as reading it.
        arrival.start_over()
        for block in member.blocks():
            arrival.write(block)
            advance(len(block))
            if arrival.offset > file.size:
                break
