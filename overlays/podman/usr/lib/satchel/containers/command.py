"""satchel-reset: make again what can be made again, and nothing else."""

from __future__ import annotations

import argparse
import os
import subprocess
import sys

from containers import reset
from containers.settings import FILE, Settings, load
from device.commands import BASE_ENVIRONMENT
from device.errors import DeviceError
from device.paths import Paths

_EXAMPLES = """examples:
  sudo satchel-reset containers           say what would be done, and ask
  sudo satchel-reset containers --yes     do it

What containers wrote beside their volumes is lost; the volumes are not touched. It needs no network: the images come
from a copy on this device. If the power goes out meanwhile, the next start goes on with it.
"""


def parser() -> argparse.ArgumentParser:
    """The command line."""
    made = argparse.ArgumentParser(
        prog="satchel-reset",
        description="Make again what can be made again: the store of containers and their images.",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    verbs = made.add_subparsers(dest="verb", metavar="WHAT", required=True)
    containers = verbs.add_parser("containers", help="the file system with all images and containers")
    containers.add_argument("--yes", action="store_true", help="do not ask")
    containers.add_argument("--unfinished", action="store_true", help="only go on with one that was broken off")
    return made


def main(arguments: list[str] | None = None) -> int:
    """Do what the command line says."""
    options = parser().parse_args(arguments)
    if os.geteuid() != 0:
        print("satchel-reset must be run as root: sudo satchel-reset containers", file=sys.stderr)
        return 1
    paths = Paths()
    try:
        settings = load(paths.at(FILE))
        if options.unfinished:
            if reset.wanted(paths):
                reset.reset(paths, settings, started=False)
            return 0
        if not options.yes and not _sure(settings):
            print("Nothing was done.")
            return 1
        reset.reset(paths, settings, started=True)
    except DeviceError as error:
        print(f"satchel-reset: {error.reason}\n{error.advice}", file=sys.stderr)
        return 1
    services = [f"{unit.name}.service" for unit in settings.units]
    if services:
        print("starting containers", flush=True)
        subprocess.run(("systemctl", "start", *services), env=BASE_ENVIRONMENT, check=False)
    print("Done.")
    return 0


def _sure(settings: Settings) -> bool:
    stopped = ", ".join(unit.name for unit in settings.units) or "nothing"
    print(f"All at {settings.store} is removed and made again; volumes elsewhere are not touched.")
    print(f"Stopped meanwhile: {stopped}. Loaded afterwards: {', '.join(settings.images)}.")
    try:
        return input("Type yes to go on: ").strip().lower() == "yes"
    except (EOFError, KeyboardInterrupt):
        print()
        return False
