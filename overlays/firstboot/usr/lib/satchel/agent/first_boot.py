"""How far first boot has come: the question after a power cut. It is answered long before the system has settled."""

from __future__ import annotations

import sqlite3
import time
from typing import Any

from agent import system
from agent.identity import identity
from agent.leftovers import leftovers
from device import kolibri_db, settings
from device.errors import DeviceError
from device.paths import Paths
from device.settings import Settings
from firstboot.journal import Journal
from firstboot.steps import STEPS

UNIT = "satchel-firstboot.service"
_PAUSE_SECONDS = 0.5


def answer(paths: Paths, *, within: float) -> dict[str, Any]:
    """Wait until first boot has ended, for better or worse, after `within` seconds at most, and say what it made."""
    state = _ended(within=within)
    try:
        wanted = settings.load(paths.settings)
    except DeviceError:
        wanted = None
    journal = Journal(paths.journal)
    return {
        "satchel": 1,
        "boot_id": system.boot_id(paths),
        "state": state,
        "undone": [step.name for step in STEPS if journal.facts(step.name) is None],
        "failed": system.failed_units(),
        "identity": identity(paths),
        "kolibri": _kolibri(paths, wanted, journal),
        "leftovers": leftovers(paths, wanted),
        "firmware": system.firmware(paths),
    }


def _ended(*, within: float) -> str:
    until = time.monotonic() + within
    while (state := system.unit_state(UNIT)) not in {"active", "failed"} and time.monotonic() < until:
        time.sleep(_PAUSE_SECONDS)
    return state


def _kolibri(paths: Paths, wanted: Settings | None, journal: Journal) -> dict[str, Any] | None:
    """What Kolibri's database shows, by SQL; nothing on a device that shall have no facility."""
    if wanted is None or wanted.kolibri is None or wanted.facility is None:
        return None
    # A seed may have named another administrator than the recipe.
    admin = (journal.facts("facility") or {}).get("admin", wanted.facility.admin)
    try:
        state = kolibri_db.provisioning(paths.at(wanted.kolibri.home))
    except sqlite3.Error as error:
        return {"facilities": [], "superusers": [], "problem": str(error)}
    return {
        "facilities": [facility for facility, _, _ in state.facilities],
        "superusers": list(state.superusers),
        "problem": "" if state.complete(admin) else "Kolibri does not say that it is provisioned",
    }
