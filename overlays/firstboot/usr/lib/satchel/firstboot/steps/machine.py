"""The machine around the disk, remembered: every later boot compares (see `clones`)."""

from __future__ import annotations

from clones import machine
from firstboot.device import Device
from firstboot.journal import Facts


def run(device: Device) -> Facts:
    """Remember it, unless one is remembered already."""
    if machine.load(device.paths) is None:
        machine.save(device.paths, machine.here(device.paths))
    return {}
