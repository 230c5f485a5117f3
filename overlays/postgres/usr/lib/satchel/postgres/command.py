"""satchel-postgres: what the unit does before and after the server starts, and what an operator does with its data."""

from __future__ import annotations

import argparse
import os
import sys

from device.errors import DeviceError
from device.paths import Paths
from postgres import cluster, settle
from postgres.settings import FILE, Settings, load

_EXAMPLES = """examples:
  sudo satchel-postgres status         which data there is, and which one is served
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
        else:
            _status(paths, settings)
    except DeviceError as error:
        print(f"satchel-postgres: {error.reason}\n{error.advice}", file=sys.stderr)
        return 1
    return 0


def _status(paths: Paths, settings: Settings) -> None:
    for version in cluster.versions(paths, settings):
        served = "served by this system" if version == settings.version else "kept from an earlier system"
        print(f"{cluster.place(paths, settings, version)}  PostgreSQL {version}, {served}")
