"""The facility code: the name by which people speak of this device."""

from __future__ import annotations

import json

from device import files, own_seed
from firstboot.device import Device
from firstboot.journal import Facts
from seed import code


def run(device: Device) -> Facts:
    """Keep the code that the device already has, or take the seed's, or mint one.

    The mark of this step is where a new one is born.
    """
    return {"code": _known(device) or own_seed.wanted(device.paths).code or code.mint()}


def _known(device: Device) -> str | None:
    try:
        known = json.loads(files.read(device.paths.identity) or "{}")
        return code.normalize(known["code"])
    except (ValueError, KeyError, TypeError, AttributeError):
        return None
