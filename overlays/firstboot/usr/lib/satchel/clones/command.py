"""satchel-identity: who this device is, and what to do when a disk was moved or copied."""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from pathlib import Path

from clones import boot, fingerprint, history, kept, machine, told
from clones.verdict import Comparison, Verdict, compare
from device import files, login_prompt, settings
from device.commands import BASE_ENVIRONMENT
from device.errors import DeviceError
from device.paths import Paths
from firstboot.device import Device

_EXAMPLES = """examples:
  sudo satchel-identity show            who this device is and was, and in how many machines
  sudo satchel-identity moved           this disk is the original: carry on; opens Kolibri when a twin had closed it
  sudo satchel-identity fork            this disk is a copy: keep the learners, become a school of its own
  sudo satchel-identity afresh --yes    this disk is a copy: an empty school; the learners are kept aside

fork and afresh are done by a restart, before anything is served. Neither deletes learners' data: fork keeps copies of
the databases, afresh the whole old home, below the directory that holds Kolibri's home.
"""


_MEANINGS = {
    "moved": "This machine is remembered as the one of this device; Kolibri opens if a twin had closed it.",
    "fork": "The device restarts and becomes a new school with the same learners and passwords.",
    "afresh": "The device restarts with an empty school; the learners of the old one are kept aside.",
}
_RESTARTING = "Restarting; it is done before anything is served, even if the power goes out meanwhile."


def parser() -> argparse.ArgumentParser:
    """The command line."""
    made = argparse.ArgumentParser(
        prog="satchel-identity",
        description="Who this device is, and what to do when its disk was moved or copied.",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    verbs = made.add_subparsers(dest="verb", metavar="VERB")
    show = verbs.add_parser("show", help="print who this device is and was (without a verb, too)")
    show.add_argument("--json", action="store_true", help="print JSON, for programs")
    for verb, meaning in (
        ("moved", "this disk is the original: remember this machine and carry on"),
        ("fork", "this disk is a copy: keep the learners and become a school of its own"),
        ("afresh", "this disk is a copy: begin with an empty school and keep the learners aside"),
    ):
        verbs.add_parser(verb, help=meaning).add_argument("--yes", action="store_true", help="do not ask")
    return made


def main(arguments: list[str] | None = None) -> int:
    """Do what the command line says."""
    options = parser().parse_args(arguments)
    if os.geteuid() != 0:
        print("satchel-identity must be run as root: sudo satchel-identity", file=sys.stderr)
        return 1
    paths = Paths()
    try:
        known = json.loads(files.read(paths.identity) or "{}")
        facts = {name: text for name, text in known.items() if isinstance(text, str)}
        device = Device(paths=paths, settings=settings.load(paths.settings), facts=facts)
        if options.verb in {None, "show"}:
            print(shown(device, as_json=bool(options.verb and options.json)))
            return 0
        if not options.yes and not sure(device, options.verb):
            print("Nothing was done.")
            return 1
        _systemctl(*act(device, options.verb))
        login_prompt.show(paths, login_prompt.current(paths, device.settings, device.facts))
        print("Done." if options.verb == "moved" else _RESTARTING)
        return 0
    except DeviceError as error:
        print(f"satchel-identity: {error.reason}\n{error.advice}", file=sys.stderr)
        return 1


def shown(device: Device, *, as_json: bool) -> str:
    """Who the device is, for people or for programs."""
    paths = device.paths
    past = history.load(paths)
    found = compared(paths)
    twin = json.loads(files.read(paths.twin) or "null")
    if as_json:
        whole = {
            "identity": json.loads(files.read(paths.identity) or "{}"),
            "machine": {"verdict": found.verdict, "same": found.same, "changed": found.changed},
            "machines": past.machines,
            "boots": past.boots,
            "events": past.events,
            "twin": twin,
        }
        return json.dumps(whole, indent=2, sort_keys=True, ensure_ascii=False)
    facts = device.facts
    rows = [
        ("facility code", facts.get("code", "not yet known")),
        ("name", facts.get("hostname", "")),
        ("facility", f"{facts.get('facility_name', '')} {facts.get('facility_id', '')}".strip()),
        ("instance id", facts.get("instance_id", "")),
        (
            "machine",
            f"{found.verdict} (same: {', '.join(found.same) or '-'}; changed: {', '.join(found.changed) or '-'})",
        ),
        ("machines so far", str(past.machines)),
        ("boots", str(past.boots)),
    ]
    rows += [("formerly", f"{ids.get('code')} {ids.get('facility_id', '')}".strip()) for ids in past.formerly()]
    rows += [("event", f"boot {event.get('boot')}, {event.get('clock')}: {event.get('what')}") for event in past.events]
    lines = [f"{title:<17}{text}" for title, text in rows if text]
    return "\n".join([*lines, *(["", told.twin(paths)] if twin else [])])


def compared(paths: Paths) -> Comparison:
    """The machine around the disk against the one that the device knows."""
    known = machine.load(paths)
    if known is None:
        return Comparison(verdict=Verdict.UNKNOWN, same=(), changed=())
    return compare(known.known, fingerprint.read(paths, known.salt), born_on=known.born_on)


def sure(device: Device, verb: str) -> bool:
    """Whether the person at the keyboard means it."""
    print(_MEANINGS[verb])
    if verb == "fork":
        print(f"Copies of the databases stay in {_home(device).parent / kept.DIRECTORY}, for root only.")
    elif verb == "afresh":
        print(f"The old home stays beside {_home(device)}, with the facility code in its name.")
    try:
        return input("Type yes to go on: ").strip().lower() == "yes"
    except (EOFError, KeyboardInterrupt):
        print()
        return False


def act(device: Device, verb: str) -> tuple[str, ...]:
    """Carry out a decision, or decide on it for good. Returns what systemctl is to do then.

    Raises:
        DeviceError: a fork has no room.
    """
    found = compared(device.paths)
    if verb == "moved":
        boot.decide(device, "moved", why="by command", found=found)
        return "--no-block", "start", "kolibri.service", "satchel-twin.service"
    boot.decide(device, "copied" if verb == "fork" else "afresh", why="by command", found=found)
    return "--no-block", "reboot"


def _home(device: Device) -> Path:
    return Path(device.settings.kolibri.home if device.settings.kolibri else "/")


def _systemctl(*arguments: str) -> None:
    subprocess.run(("systemctl", *arguments), env=BASE_ENVIRONMENT, check=False, timeout=120)
