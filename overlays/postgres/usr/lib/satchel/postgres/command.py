"""satchel-postgres: what the unit does before and after the server starts, and what an operator does with its data."""

from __future__ import annotations

import argparse
import os
import sys

from device.commands import run
from device.errors import DeviceError
from device.paths import Paths
from postgres import cluster, settle, upgrade
from postgres.settings import FILE, Settings, load

UNIT = "satchel-postgres.service"

_EXAMPLES = """examples:
  sudo satchel-postgres status             which data there is, and which one is served
  sudo satchel-postgres upgrade --dry-run  what taking over the data of an earlier version needs
  sudo satchel-postgres upgrade            do it; the old data stays
  sudo satchel-postgres confirm            all is well: remove the old data
  sudo satchel-postgres back               it is not: remove the new data, and let the earlier system go on
"""


def parser() -> argparse.ArgumentParser:
    """The command line."""
    made = argparse.ArgumentParser(
        prog="satchel-postgres",
        description="The PostgreSQL server of this device.",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    verbs = made.add_subparsers(dest="verb", metavar="VERB", required=True)
    verbs.add_parser("status", help="which data there is, and which one is served")
    upgrading = verbs.add_parser("upgrade", help="take over the data of an earlier major version")
    upgrading.add_argument("--dry-run", action="store_true", help="only say what it needs, and whether it can be done")
    going_back = "remove the data that was taken over, and go back to that before"
    for verb, text in (("confirm", "remove the data of earlier versions"), ("back", going_back)):
        verbs.add_parser(verb, help=text).add_argument("--yes", action="store_true", help="do not ask")
    verbs.add_parser("prepare", help="make the server's data if there is none; its unit does this")
    verbs.add_parser("settle", help="make roles, databases and extensions; its unit does this")
    return made


def main(arguments: list[str] | None = None) -> int:
    """Do what the command line says."""
    options = parser().parse_args(arguments)
    paths = Paths()
    if os.geteuid() != 0:
        print(f"satchel-postgres must be run as root: sudo satchel-postgres {options.verb}", file=sys.stderr)
        return 1
    try:
        settings = load(paths.at(FILE))
        if options.verb == "prepare":
            cluster.prepare(paths, settings)
        elif options.verb == "settle":
            settle.settle(paths, settings)
        elif options.verb == "upgrade":
            _upgrade(paths, settings, dry_run=options.dry_run)
        elif options.verb == "confirm":
            return _confirm(paths, settings, sure=options.yes)
        elif options.verb == "back":
            return _back(paths, settings, sure=options.yes)
        else:
            _status(paths, settings)
    except DeviceError as error:
        print(f"satchel-postgres: {error.reason}\n{error.advice}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    return 0


def _upgrade(paths: Paths, settings: Settings, *, dry_run: bool) -> None:
    with cluster.alone(paths, settings):
        wanted = upgrade.plan(paths, settings)
        if wanted:
            _say(wanted.text())
            if not dry_run:
                run(("systemctl", "stop", UNIT), why="stop the database server")
            upgrade.upgrade(paths, settings, wanted, say=_say, only_check=dry_run)
        else:
            _say("The data was taken over already.")
    if dry_run:
        print("Nothing speaks against it." if wanted else "What follows it can be done again.")
        return
    _say("starting the new server")
    # It may have tried, in vain, more often than systemd allows.
    run(("systemctl", "reset-failed", UNIT), why="let the database server start again")
    run(("systemctl", "start", UNIT), why="start the database server", timeout=24 * 3600)
    upgrade.finish(paths, settings, say=_say)
    print("Done. Look whether all is well, then: sudo satchel-postgres confirm")


def _confirm(paths: Paths, settings: Settings, *, sure: bool) -> int:
    if not sure and not _agreed("The data of earlier versions is removed for good."):
        return 1
    with cluster.alone(paths, settings):
        removed = upgrade.confirm(paths, settings)
    for version in removed:
        print(f"The data of PostgreSQL {version} is removed.")
    return 0


def _back(paths: Paths, settings: Settings, *, sure: bool) -> int:
    if not sure and not _agreed("Everything that was written since the data was taken over is lost."):
        return 1
    with cluster.alone(paths, settings):
        upgrade.require_earlier(paths, settings)
        run(("systemctl", "stop", UNIT), why="stop the database server")
        version = upgrade.back(paths, settings)
    print(f"The data of PostgreSQL {version} is the newest now. Flash the system that had it, or upgrade again.")
    return 0


def _agreed(warning: str) -> bool:
    print(warning)
    try:
        return input("Type yes to go on: ").strip().lower() == "yes"
    except (EOFError, KeyboardInterrupt):
        print()
        return False


def _say(text: str) -> None:
    """At once: each takes a while."""
    print(text, flush=True)


def _status(paths: Paths, settings: Settings) -> None:
    for version in cluster.versions(paths, settings):
        served = "served by this system" if version == settings.version else "kept from an earlier system"
        print(f"{cluster.place(paths, settings, version)}  PostgreSQL {version}, {served}")
