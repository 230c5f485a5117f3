"""satchel-backup: what the timer does every day, and what an operator does on the one day that counts."""

from __future__ import annotations

import argparse
import fcntl
import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from datetime import UTC, datetime
from types import FrameType

from backup import known, services, targets, verifying
from backup.listing import as_json, as_text, look
from backup.making import Maker
from backup.manifest import outdated
from backup.restoring import Restorer
from backup.server import Server
from backup.settings import FILE, Settings, Target, load
from backup.shelf import Absent, Shelf
from device import files
from device.errors import DeviceError
from device.paths import Paths

_LOCK = "/run/satchel/backup.lock"
_EXAMPLES = """examples:
  sudo satchel-backup run                      make a backup on each target now
  satchel-backup list                          which there are, and how the last run went
  sudo satchel-backup verify                   read all of the newest on each target
  sudo satchel-backup restore latest --dry-run what would be replaced
  sudo satchel-backup restore latest --only school
  sudo satchel-backup confirm                  all is well: remove what was there before
  sudo satchel-backup back                     it is not: what was there before is used again
"""


def parser() -> argparse.ArgumentParser:
    """The command line."""
    made = argparse.ArgumentParser(
        prog="satchel-backup",
        description="Backups of this device.",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    verbs = made.add_subparsers(dest="verb", metavar="VERB", required=True)
    run = verbs.add_parser("run", help="make a backup on each target, verify it, and remove what is outdated")
    listing = verbs.add_parser("list", help="which backups there are, and how the last run went")
    listing.add_argument("--json", action="store_true", help="for programs")
    verify = verbs.add_parser("verify", help="read backups through, and name what is damaged")
    verify.add_argument("name", nargs="?", help="one backup; else the newest")
    verify.add_argument("--all", action="store_true", help="every one")
    restore = verbs.add_parser("restore", help="put a backup back")
    restore.add_argument("name", help="its name as `list` shows it, or `latest`")
    only = "a directory or database; repeatable"
    restore.add_argument("--only", metavar="WHAT", action="append", default=[], help=only)
    restore.add_argument("--dry-run", action="store_true", help="only verify, and say what would be replaced")
    restore.add_argument("--yes", action="store_true", help="do not ask")
    for verb in (run, listing, verify, restore):
        verb.add_argument("--target", help="only this target")
    for verb in (listing, verify, restore):
        verb.add_argument("--device", help="the host name of another device, whose backups they are")
    undoing = {"confirm": "remove what was there before a restore", "back": "undo a restore"}
    for name, text in undoing.items():
        verbs.add_parser(name, help=text).add_argument("--yes", action="store_true", help="do not ask")
    verbs.add_parser("resume", help="go on with a restore that was broken off; its unit does this")
    verbs.add_parser("release", help="start what a run that was ended left stopped; its unit does this")
    return made


def main(arguments: list[str] | None = None) -> int:
    """Do what the command line says."""
    options = parser().parse_args(arguments)
    if os.geteuid() != 0:
        print(f"satchel-backup must be run as root: sudo satchel-backup {options.verb}", file=sys.stderr)
        return 1
    # As by Ctrl-C: what stands still goes on, and what is half made is removed.
    signal.signal(signal.SIGTERM, _interrupt)
    paths = Paths()
    try:
        settings = load(paths.at(FILE))
        # Whoever only looks waits for nobody.
        with nullcontext() if options.verb == "list" else _alone(paths):
            return Session(paths, settings, options).do()
    except DeviceError as error:
        print(f"satchel-backup: {error.reason}\n{error.advice}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130


class Session:
    """One command, with what it needs."""

    def __init__(self, paths: Paths, settings: Settings, options: argparse.Namespace) -> None:
        self._paths, self._settings, self._options = paths, settings, options
        self._own = files.read(paths.at("/etc/hostname")) or "localhost"
        self._device: str = getattr(options, "device", None) or self._own
        self._restorer = Restorer(paths=paths, settings=settings, say=_say)
        self._server = Server(paths=paths, postgres=settings.postgres) if settings.postgres else None

    def do(self) -> int:
        """Do it; returns the exit status."""
        verbs = {
            "run": self._run,
            "list": self._list,
            "verify": self._verify,
            "restore": self._restore,
            "confirm": self._confirm,
            "back": self._back,
            "resume": self._resume,
            "release": self._release,
        }
        return verbs[self._options.verb]()

    def _targets(self) -> tuple[Target, ...]:
        wanted = getattr(self._options, "target", None)
        found = tuple(target for target in self._settings.targets if wanted in (None, target.name))
        if not found:
            there = ", ".join(target.name for target in self._settings.targets)
            raise DeviceError(f"there is no target {wanted}", advice=f"There are: {there}.")
        return found

    def _run(self) -> int:
        services.release(self._paths)
        outcomes = [self._run_on(target) for target in self._targets()]
        if "failed" in outcomes:
            return 1
        if "made" not in outcomes:
            raise DeviceError("no backup was made, because no target is there", advice="Plug one in, and try again.")
        return 0

    def _run_on(self, target: Target) -> known.Outcome:
        now = datetime.now(UTC)
        outcome: known.Outcome
        try:
            with targets.opened(self._paths, self._settings, target, self._own) as shelf:
                maker = Maker(paths=self._paths, settings=self._settings, device=self._own, say=_say)
                words = maker.make(shelf, now)
                _say(f"{target.name}: {words} is made and verified")
                self._prune(shelf, target)
            outcome = "made"
        except Absent as error:
            outcome, words = "absent", error.reason
            _say(f"{target.name}: {words}")
        except DeviceError as error:
            outcome, words = "failed", error.reason
            print(f"satchel-backup: {target.name}: {error.reason}\n{error.advice}", file=sys.stderr)
        memory = known.load(self._paths)
        when = now.isoformat(timespec="seconds")
        memory.attempts[target.name] = known.Attempt(outcome=outcome, when=when, words=words)
        known.save(self._paths, memory)
        return outcome

    def _prune(self, shelf: Shelf, target: Target) -> None:
        names = shelf.names()
        damaged = known.load(self._paths).damaged.get(target.name, ())
        good = [name for name in names if name not in damaged and verifying.looks_whole(shelf, name)]
        for name in outdated(good, names, self._settings.keep):
            shelf.remove(name)
            _say(f"{target.name}: {name} is outdated and removed")

    def _list(self) -> int:
        seen = [look(self._paths, self._settings, target, self._device, own=self._own) for target in self._targets()]
        order = self._restorer.order()
        print(as_json(seen, order) if self._options.json else as_text(seen, order))
        return 0

    def _verify(self) -> int:
        status, read = 0, 0
        for target in self._targets():
            try:
                with targets.opened(self._paths, self._settings, target, self._device) as shelf:
                    names = self._asked(shelf)
                    damaged = {name: found for name in names if (found := verifying.verify(shelf, name, self._server))}
            except Absent as error:
                _say(f"{target.name}: {error.reason}")
                continue
            read += len(names)
            for name in names:
                _say(f"{target.name}: {name} is {'damaged' if name in damaged else 'whole'}")
                for line in damaged.get(name, ()):
                    _say(f"  {line}")
            if damaged:
                status = 1
            if self._device == self._own:
                memory = known.load(self._paths)
                memory.note_damage(target.name, names, damaged)
                known.save(self._paths, memory)
        if not read:
            raise DeviceError("there is no such backup", advice="`sudo satchel-backup list` shows which there are.")
        return status

    def _asked(self, shelf: Shelf) -> list[str]:
        """What shall be verified on a target."""
        names = shelf.names()
        if self._options.all:
            return names
        wanted = self._options.name or "latest"
        return names[-1:] if wanted == "latest" else [name for name in names if name == wanted]

    def _restore(self) -> int:
        order = self._restorer.order()
        if order and order.stage == "exchanging" and self._options.name in ("latest", order.name):
            _say(f"going on with the restore of {order.name}")
            return self._resume()
        if not self._options.dry_run:
            self._restorer.require_settled()
        for target in self._targets():
            try:
                with targets.opened(self._paths, self._settings, target, self._device) as shelf:
                    names = shelf.names()
                    wanted = max(names, default="") if self._options.name == "latest" else self._options.name
                    if wanted in names:
                        return self._restore_from(shelf, target, wanted)
            except Absent as error:
                _say(f"{target.name}: {error.reason}")
        raise DeviceError(
            f"no target has a backup {self._options.name} of {self._device}",
            advice="`sudo satchel-backup list` shows which there are; --device names another device.",
        )

    def _restore_from(self, shelf: Shelf, target: Target, name: str) -> int:
        _say(f"{name} on {target.name}")
        parts = self._restorer.plan(shelf, name, self._options.only)
        _say(self._restorer.describe(parts))
        if self._options.dry_run:
            _say("Nothing was changed.")
            return 0
        if not self._agreed("What was written since that backup is set aside."):
            return 1
        self._restorer.restore(shelf, target.name, name, parts)
        _say(
            "Done. Look whether all is well, then: sudo satchel-backup confirm; if it is not: sudo satchel-backup back"
        )
        return 0

    def _confirm(self) -> int:
        if not self._agreed("What was there before the restore is removed for good."):
            return 1
        order = self._restorer.confirm()
        _say(f"The restore of {order.name} is confirmed.")
        return 0

    def _back(self) -> int:
        if not self._agreed("Everything that was written since the restore is lost."):
            return 1
        order = self._restorer.back()
        _say(f"What was there before the restore of {order.name} is used again.")
        return 0

    def _resume(self) -> int:
        self._restorer.resume()
        return 0

    def _release(self) -> int:
        services.release(self._paths)
        return 0

    def _agreed(self, warning: str) -> bool:
        if self._options.yes:
            return True
        print(warning)
        try:
            return input("Type yes to go on: ").strip().lower() == "yes"
        except EOFError:
            print()
            return False


@contextmanager
def _alone(paths: Paths) -> Iterator[None]:
    """Nobody else makes, removes or restores backups meanwhile.

    Raises:
        DeviceError: somebody does.
    """
    lock = paths.at(_LOCK)
    lock.parent.mkdir(parents=True, exist_ok=True)
    with lock.open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            reason = "another satchel-backup is at work"
            raise DeviceError(reason, advice="Wait until it is done, and try again.") from error
        yield


def _interrupt(_number: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def _say(text: str) -> None:
    """At once: each takes a while."""
    print(text, flush=True)
