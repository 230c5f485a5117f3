"""A backup put back, so that it can be undone.

Everything is made beside what is there. Then both exchange their names, and what was there before stays aside until
somebody confirms. What is to be done stands in a file, so that a restore that was broken off goes on or goes back.
"""

from __future__ import annotations

import ctypes
import json
import os
import shutil
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Literal

from backup import archive, services, targets, verifying
from backup.archive import ArchiveError
from backup.manifest import Part
from backup.pipes import Tally
from backup.server import Server
from backup.settings import Settings
from backup.shelf import Shelf, manifest_of
from device import files
from device.errors import DeviceError
from device.paths import Paths

FILE = "/var/lib/satchel/restore.json"
_ASIDE = "satchel_aside_"
"""What the name of a database begins with that is not the one in use."""
_MARGIN_BYTES = 16 << 20
_AT_FDCWD, _RENAME_EXCHANGE = -100, 2
"""From <linux/fcntl.h> and <linux/fs.h>."""

Say = Callable[[str], None]
Stage = Literal["preparing", "exchanging", "exchanged", "going back"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """A directory or a database that is put back."""

    kind: Literal["directory", "database"]
    what: str
    existed: bool
    """Whether there was one before."""
    mark: int
    """The number of the inode, or of the database, of that which is put back; 0 until it is made."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """What is to be done, or was done."""

    name: str
    target: str
    stage: Stage
    items: tuple[Item, ...]
    stopped: tuple[str, ...]
    """Units that ran before, and run again at the end."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Restorer:
    """What restoring needs."""

    paths: Paths
    settings: Settings
    say: Say

    def order(self) -> Order | None:
        """The restore that was begun and neither confirmed nor undone."""
        text = files.read(self.paths.at(FILE))
        if text is None:
            return None
        raw = json.loads(text)
        return Order(**{**raw, "items": tuple(Item(**each) for each in raw["items"]), "stopped": tuple(raw["stopped"])})

    def plan(self, shelf: Shelf, name: str, only: Sequence[str]) -> tuple[Part, ...]:
        """The parts that would be put back, after a look at every byte and at the room.

        Raises:
            DeviceError: the backup is damaged, lacks a part, or there is no room; nothing was touched.
        """
        self.say(f"verifying {name}")
        server = self._server() if self.settings.postgres else None
        if wrong := verifying.verify(shelf, name, server):
            reason = f"the backup {name} is damaged, and nothing was changed:\n" + "\n".join(wrong)
            raise DeviceError(reason, advice="`satchel-backup list` names others.")
        parts = manifest_of(shelf, name).parts
        if unknown := set(only) - {part.what for part in parts}:
            has = ", ".join(part.what for part in parts)
            reason = f"the backup {name} has no {', '.join(sorted(unknown))}"
            raise DeviceError(reason, advice=f"It has {has}.")
        chosen = tuple(part for part in parts if not only or part.what in only)
        for part in chosen:
            self._require_room(part)
        return chosen

    def require_settled(self) -> None:
        """Insist that no earlier restore waits for anything; one that only prepared is forgotten.

        Raises:
            DeviceError: one does.
        """
        order = self.order()
        if order and order.stage != "preparing":
            raise _unsettled(order)
        if order:
            self._forget(order)

    def describe(self, parts: Sequence[Part]) -> str:
        """What a restore of these parts does."""
        lines = []
        for part in parts:
            there = self._existed(part)
            kept = "is replaced, and stays aside until `confirm`" if there else "is made; there is none now"
            lines.append(f"{part.kind} {part.what} ({_size(part.content_bytes)}) {kept}")
        units = services.at_work(self.settings.users())
        return "\n".join([*lines, f"Stopped meanwhile: {', '.join(units) or 'nothing'}."])

    def restore(self, shelf: Shelf, target: str, name: str, parts: Sequence[Part]) -> None:
        """Put parts back. What was planned is done, or nothing.

        Raises:
            DeviceError: it cannot be done; as long as nothing was exchanged, everything is as it was.
        """
        self.require_settled()
        for part in parts:
            self._require_nothing_aside(part)
        items = tuple(Item(kind=part.kind, what=part.what, existed=self._existed(part), mark=0) for part in parts)
        order = Order(name=name, target=target, stage="preparing", items=items, stopped=())
        self._write(order)
        try:
            made = tuple(self._make(shelf, name, part, item) for part, item in zip(parts, items, strict=True))
        except BaseException:
            self._forget(order)
            raise
        # What was made must be on the disk before anything says that it is.
        os.sync()
        stopped = services.at_work(self.settings.users())
        self._write(replace(order, stage="exchanging", items=made, stopped=stopped))
        self.resume()

    def resume(self) -> None:
        """Go on with what was broken off, where there is no choice any more."""
        order = self.order()
        if order is None or order.stage == "exchanged":
            return
        if order.stage == "preparing":
            self._forget(order)
            return
        self.say("exchanging" if order.stage == "exchanging" else "going back")
        services.stop(services.at_work(self.settings.users()))
        for item in order.items:
            self._settle(item, restored=order.stage == "exchanging")
        if order.stage == "exchanging":
            self._write(replace(order, stage="exchanged"))
        else:
            self._forget(order)
        services.start(order.stopped)

    def back(self) -> Order:
        """Undo a restore, however far it came.

        Raises:
            DeviceError: there is none.
        """
        order = self._begun()
        if order.stage == "preparing":
            self._forget(order)
            return order
        stopped = tuple(dict.fromkeys((*services.at_work(self.settings.users()), *order.stopped)))
        self._write(replace(order, stage="going back", stopped=stopped))
        self.resume()
        return order

    def confirm(self) -> Order:
        """Remove what was kept aside.

        Raises:
            DeviceError: there is nothing to confirm.
        """
        order = self._begun()
        if order.stage != "exchanged":
            raise _unsettled(order)
        self._forget(order)
        return order

    def _begun(self) -> Order:
        order = self.order()
        if order is None:
            raise DeviceError("no restore waits to be confirmed", advice="Nothing has to be done.")
        return order

    def _write(self, order: Order) -> None:
        files.write(self.paths.at(FILE), json.dumps(asdict(order), indent=1) + "\n", mode=0o600)

    def _forget(self, order: Order) -> None:
        """Remove what lies aside, and then the order."""
        for item in order.items:
            if item.kind == "directory":
                aside = self._aside(item.what)
                if aside.exists():
                    shutil.rmtree(aside)
            else:
                self._server().drop(_ASIDE + item.what)
        self.paths.at(FILE).unlink()
        files.sync_directory(self.paths.at(FILE).parent)

    def _make(self, shelf: Shelf, name: str, part: Part, item: Item) -> Item:
        """Beside what is there; the sum is taken once more, because the bytes come from the target once more."""
        self.say(f"unpacking {part.what}")
        try:
            with shelf.reading(name, part.data.name) as source:
                tally = Tally(source)
                if part.kind == "directory":
                    self._aside(part.what).parent.mkdir(parents=True, exist_ok=True)
                    archive.extract(tally, self._aside(part.what))
                    mark = self._aside(part.what).stat().st_ino
                else:
                    server, aside = self._server(), _ASIDE + part.what
                    server.load(aside, tally, owner=part.owner or "", roles=part.roles)
                    mark = server.identity(aside) or 0
                tally.drain()
        except (ArchiveError, OSError) as error:
            reason = f"{part.what} cannot be restored, and nothing was changed: {error}"
            raise DeviceError(reason, advice="`satchel-backup verify` reads all of it again.") from error
        if tally.sha256 != part.data.sha256:
            reason = f"{part.what} came otherwise from the target than a moment ago, and nothing was changed"
            raise DeviceError(reason, advice="The target may be broken. Copy it to another one.")
        return replace(item, mark=mark)

    def _settle(self, item: Item, *, restored: bool) -> None:
        """See to it that what is in use is what was restored, or what was there before."""
        if (self._in_use(item) == item.mark) != restored:
            if item.kind == "directory":
                _exchange(self.paths.at(item.what), self._aside(item.what))
            else:
                self._server().exchange(item.what, _ASIDE + item.what)
        elif item.kind == "database":
            self._server().admit(item.what)

    def _in_use(self, item: Item) -> int | None:
        if item.kind == "database":
            return self._server().identity(item.what)
        try:
            return self.paths.at(item.what).stat().st_ino
        except FileNotFoundError:
            return None

    def _aside(self, path: str) -> Path:
        directory = self.paths.at(path)
        return directory.with_name(f".{directory.name}.satchel-aside")

    def _existed(self, part: Part) -> bool:
        if part.kind == "database":
            return self._server().identity(part.what) is not None
        return self.paths.at(part.what).exists()

    def _require_nothing_aside(self, part: Part) -> None:
        if part.kind == "database":
            there, where = self._server().identity(_ASIDE + part.what) is not None, f"the database {_ASIDE}{part.what}"
        else:
            there, where = self._aside(part.what).exists(), str(self._aside(part.what))
        if there:
            reason = f"{where} is there, kept by a restore that this system knows nothing of"
            raise DeviceError(reason, advice="Look at it, then rename or remove it, and try again.")

    def _require_room(self, part: Part) -> None:
        if part.kind == "database":
            self._server().require_room(part.content_bytes)
            return
        targets.require_mounted(self.paths, self.settings, part.what)
        facts = os.statvfs(next(path for path in self.paths.at(part.what).parents if path.exists()))
        needed, free = part.content_bytes + _MARGIN_BYTES, facts.f_bavail * facts.f_frsize
        if free < needed:
            raise DeviceError(
                f"{_size(needed)} must be free beside {part.what}, and {_size(free)} are; nothing was changed",
                advice="What is there now stays until the restore is confirmed, so both must have room.",
            )

    def _server(self) -> Server:
        if self.settings.postgres is None:
            raise DeviceError("this device has no database server", advice="Choose other parts with --only.")
        return Server(paths=self.paths, postgres=self.settings.postgres)


def _unsettled(order: Order) -> DeviceError:
    if order.stage == "exchanged":
        reason = f"the restore of {order.name} was neither confirmed nor undone"
        return DeviceError(reason, advice="First `sudo satchel-backup confirm`, or `sudo satchel-backup back`.")
    reason = f"the restore of {order.name} was broken off"
    return DeviceError(
        reason, advice="`sudo satchel-backup resume` goes on with it, `sudo satchel-backup back` undoes it."
    )


def _exchange(one: Path, other: Path) -> None:
    """Let two directories have each other's name at once; when only one is there, it gets the other's name."""
    if one.exists() and other.exists():
        libc = ctypes.CDLL(None, use_errno=True)
        if libc.renameat2(_AT_FDCWD, os.fsencode(one), _AT_FDCWD, os.fsencode(other), _RENAME_EXCHANGE) != 0:
            number = ctypes.get_errno()
            raise OSError(number, os.strerror(number), str(one))
    elif other.exists():
        other.rename(one)
    else:
        one.rename(other)
    files.sync_directory(one.parent)


def _size(amount: int) -> str:
    return f"{amount / (1 << 20):.0f} MiB"
