"""Who this device is, in one file for programs: /var/lib/satchel/identity.json. No secret is in it."""

from __future__ import annotations

import json

from device import files
from firstboot.device import Device
from firstboot.journal import Facts


def run(device: Device) -> Facts:
    """Write down the facts of all steps."""
    known = {"recipe": device.settings.recipe, **device.facts}
    files.write(device.paths.identity, json.dumps(known, indent=2, sort_keys=True, ensure_ascii=False) + "\n")
    return {}
