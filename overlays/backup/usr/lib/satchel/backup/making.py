"""One backup on one target: written, read back from there, and only then given its name."""

from __future__ import annotations

import errno
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from backup import archive, manifest, services, targets, verifying
from backup.manifest import Manifest, Part, Stored
from backup.pipes import Tally
from backup.server import Server
from backup.settings import Directory, Settings
from backup.shelf import Shelf
from device import mounts
from device.errors import DeviceError
from device.paths import Paths

CHECK = "satchel_check_"
"""What the name of a database begins with that is made from a dump to see whether that can be done."""

_FULL = ("the target is full", "Remove something from it, keep fewer backups, or take a larger one.")
_WORDS = {
    errno.ENOSPC: _FULL,
    errno.EDQUOT: _FULL,
    errno.EROFS: ("the target is read-only", "A stick may have a switch; a disk that fails becomes read-only."),
    errno.EFBIG: ("the target takes no file that large", "Make an ext4 on it; files on FAT end at 4 GiB."),
    errno.EIO: ("the target cannot be read or written", "Look whether it is plugged in; it may be broken."),
}
"""What the system says about a target, and what to do."""

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Maker:
    """What making a backup needs."""

    paths: Paths
    settings: Settings
    device: str
    say: Say

    def make(self, shelf: Shelf, now: datetime) -> str:
        """Make and verify a backup; returns its name.

        Raises:
            DeviceError: it cannot be made; what was there before stays, and nothing is left of the new one.
        """
        with _explained():
            shelf.sweep()
            name = manifest.new_name(now, shelf.names())
            try:
                place = shelf.begin(name)
                parts = tuple(self._parts(shelf, place))
                for part in parts:
                    self.say(f"verifying {part.what}")
                    self._verify(shelf, place, part)
                version = self.settings.postgres.version if self.settings.postgres else None
                text = Manifest(device=self.device, postgres=version, parts=parts).render()
                with shelf.writing(place, manifest.FILE) as sink:
                    sink.write(text.encode())
                shelf.publish(place, name)
                _require_listed(shelf, name)
            except BaseException:
                shelf.sweep()
                raise
        return name

    def _parts(self, shelf: Shelf, place: str) -> Iterator[Part]:
        for number, directory in enumerate(self.settings.directories, start=1):
            self.say(f"reading {directory.path}")
            with services.held(self.paths, directory.stop):
                yield self._archive(shelf, place, number, directory)
        for name in self.settings.databases:
            self.say(f"dumping {name}")
            yield self._dump(shelf, place, name)

    def _archive(self, shelf: Shelf, place: str, number: int, directory: Directory) -> Part:
        targets.require_mounted(self.paths, self.settings, directory.path)
        source = self.paths.at(directory.path)
        if not source.is_dir():
            raise DeviceError(f"there is no directory {directory.path}", advice="Correct the recipe.")
        stem = f"directory-{number}-{re.sub('[^A-Za-z0-9]+', '-', directory.path).strip('-')}"
        points = {Path(mount.point) for mount in mounts.read(self.paths.mountinfo)}
        with shelf.writing(place, f"{stem}.tar.zst") as sink:
            tally = Tally(sink)
            sums, content_bytes = archive.write(source, tally, without=points.__contains__)
        with shelf.writing(place, f"{stem}.sha256") as sink:
            listed = Tally(sink)
            listed.write(sums)
        return Part(
            kind="directory",
            what=directory.path,
            data=_stored(f"{stem}.tar.zst", tally),
            files=_stored(f"{stem}.sha256", listed),
            content_bytes=content_bytes,
            owner=None,
            roles=(),
        )

    def _dump(self, shelf: Shelf, place: str, name: str) -> Part:
        server = self._server()
        owner, size_bytes, roles = server.facts(name)
        # Otherwise nobody would know before the end that it cannot be tried.
        server.require_room(size_bytes)
        file = f"database-{name}.dump"
        with shelf.writing(place, file) as sink:
            tally = Tally(sink)
            server.dump(name, tally)
        return Part(
            kind="database",
            what=name,
            data=_stored(file, tally),
            files=None,
            content_bytes=size_bytes,
            owner=owner,
            roles=roles,
        )

    def _verify(self, shelf: Shelf, place: str, part: Part) -> None:
        found = verifying.damage(shelf, place, part, self._server() if part.kind == "database" else None)
        if found:
            reason = f"what came back from the target is not what was written: {part.what}: {found}"
            raise DeviceError(reason, advice="The target may be broken. Earlier backups stay; try another one.")
        if part.kind == "database":
            server, trial = self._server(), f"{CHECK}{part.what[:40]}"
            server.drop(trial)
            try:
                with shelf.reading(place, part.data.name) as source:
                    server.load(trial, source, owner=part.owner or "", roles=part.roles)
            finally:
                server.drop(trial)

    def _server(self) -> Server:
        if self.settings.postgres is None:
            raise DeviceError("this device has no database server", advice="Correct the recipe.")
        return Server(paths=self.paths, postgres=self.settings.postgres)


@contextmanager
def _explained() -> Iterator[None]:
    """What the system says about a target, in words."""
    try:
        yield
    except OSError as error:
        reason, advice = _WORDS.get(error.errno or 0, (str(error), "See whether the target can be written to."))
        raise DeviceError(f"{reason}; no new backup was made, and earlier ones stay", advice=advice) from error


def _stored(name: str, tally: Tally) -> Stored:
    return Stored(name=name, size_bytes=tally.size_bytes, sha256=tally.sha256)


def _require_listed(shelf: Shelf, name: str) -> None:
    """A backup that nobody could find would count as one."""
    if name not in shelf.names():
        raise DeviceError(f"the target does not list {name}", advice="See whether others write there, too.")
