"""Kolibri's instance id, made to depend on this device and on nothing that can be unplugged.

Kolibri derives it from its database id, `MORANGO_SYSTEM_ID` (else /etc/machine-id) and `MORANGO_NODE_ID` (else the
address of the first network card). Left alone, a changed USB network card or a first boot before the card's driver is
there makes the same school appear as another instance. So both are written down once, derived from the machine id by a
one-way function: the machine id itself must not leave the device (machine-id(5)).
"""

from __future__ import annotations

import hashlib
import hmac
import re

from device import environment, files
from firstboot.device import Device
from firstboot.journal import Facts

_ID = re.compile(r"[0-9a-f]{32}")
_NAMES = ("MORANGO_SYSTEM_ID", "MORANGO_NODE_ID")


def run(device: Device) -> Facts:
    """Write the ids into the environment of Kolibri, unless they are there already."""
    if device.settings.kolibri is None:
        return {}
    path = device.paths.kolibri_environment[1]
    known = environment.parse(files.read(path) or "")
    if not all(_ID.fullmatch(known.get(name, "")) for name in _NAMES):
        ids = {name: _derive(device.facts["machine_id"], name) for name in _NAMES}
        files.write(path, "".join(f"{name}={value}\n" for name, value in ids.items()))
    return {}


def _derive(machine_id: str, purpose: str) -> str:
    """32 hexadecimal digits that tell nothing about the machine id."""
    return hmac.new(bytes.fromhex(machine_id), purpose.encode(), hashlib.sha256).hexdigest()[:32]
