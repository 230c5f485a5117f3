"""Who this device is, in one file for programs: /var/lib/satchel/identity.json. No secret is in it."""

from __future__ import annotations

import json

from clones import history
from device import files
from firstboot.device import Device
from firstboot.journal import Facts


def run(device: Device) -> Facts:
    """Write down the facts of all steps, and who the device was before."""
    formerly = history.load(device.paths).formerly()
    known = {"recipe": device.settings.recipe, **device.facts, **({"formerly": formerly} if formerly else {})}
    files.write(device.paths.identity, json.dumps(known, indent=2, sort_keys=True, ensure_ascii=False) + "\n")
    return {}
