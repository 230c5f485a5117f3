"""satchel-container: which image a container runs from, and another one for it."""

from __future__ import annotations

import argparse
import json
import os
import sys
from dataclasses import asdict
from pathlib import Path

from containers import replacing
from containers.settings import FILE, load
from device.errors import DeviceError
from device.paths import Paths

_EXAMPLES = """examples:
  satchel-container list
  sudo satchel-container replace kolibri localhost/kolibri:0.19.6 --from kolibri.tar
  sudo satchel-container back kolibri

A container is stopped, and started from the other image. If that does not work, it runs from the one before again. Its
volumes, variables, secrets and ports stay. A new system brings the image of its recipe.
"""


def parser() -> argparse.ArgumentParser:
    """The command line."""
    made = argparse.ArgumentParser(
        prog="satchel-container",
        description="Run a container from another image, and go back.",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    verbs = made.add_subparsers(dest="verb", metavar="VERB", required=True)
    listing = verbs.add_parser("list", help="the containers, and what they run from")
    listing.add_argument("--json", action="store_true", help="for programs")
    replace = verbs.add_parser("replace", help="run a container from another image")
    replace.add_argument("name", help="the container")
    replace.add_argument("image", help="the whole name of the image, with its tag")
    replace.add_argument("--from", dest="archive", type=Path, metavar="ARCHIVE", help="a file to load it from")
    back = verbs.add_parser("back", help="run a container from the image before")
    back.add_argument("name", help="the container")
    return made


def main(arguments: list[str] | None = None) -> int:
    """Do what the command line says."""
    options = parser().parse_args(arguments)
    if options.verb != "list" and os.geteuid() != 0:
        print(f"satchel-container must be run as root: sudo satchel-container {options.verb} ...", file=sys.stderr)
        return 1
    paths = Paths()
    try:
        settings = load(paths.at(FILE))
        if options.verb == "list":
            found = [replacing.running(paths, unit) for unit in settings.units]
            print(json.dumps([asdict(each) for each in found], indent=2) if options.json else _table(found))
            return 0
        if options.verb == "replace":
            print(f"starting {options.name} from {options.image}", flush=True)
            replacing.replace(paths, settings, options.name, options.image, options.archive)
        else:
            now = replacing.back(paths, settings, options.name)
            print(f"{now.name} runs from {now.image} again.")
    except DeviceError as error:
        print(f"satchel-container: {error.reason}\n{error.advice}", file=sys.stderr)
        return 1
    print("Done.")
    return 0


def _table(found: list[replacing.Running]) -> str:
    lines = [(each.name, each.image, f"before: {each.before}" if each.before else "") for each in found]
    widths = [max((len(line[column]) for line in lines), default=0) for column in range(2)]
    return "\n".join(f"{a:{widths[0]}}  {b:{widths[1]}}  {c}".rstrip() for a, b, c in lines)
