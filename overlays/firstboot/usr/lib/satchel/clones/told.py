"""What people and reports are told of a device's past, and of its twin."""

from __future__ import annotations

import json

from clones import history
from device import files
from device.paths import Paths
from firstboot.journal import Facts


def facts(paths: Paths) -> Facts:
    """For the report on the card; only what is worth a line."""
    past = history.load(paths)
    found: Facts = {}
    if past.machines > 1:
        found["machines"] = str(past.machines)
    if past.events:
        found["latest"] = f"{past.events[-1]['what']} (boot {past.events[-1]['boot']})"
    if before := past.formerly():
        found["formerly"] = ", ".join(f"{ids.get('code', '?')} ({ids.get('facility_id', '-')})" for ids in before)
    if paths.twin.exists():
        found["twin"] = twin(paths).replace("\n", " ")
    return found


def twin(paths: Paths) -> str:
    """What was found out about the twin."""
    try:
        seen = json.loads(files.read(paths.twin) or "{}")
    except ValueError:
        seen = {}
    where = f" at {seen['address']}" if "address" in seen else ""
    return (
        f"Another device in this network{where} says that it is this one: one of the two is a copy.\n"
        "Kolibri is closed on both until somebody has chosen, so that neither spoils the other's records."
    )
