"""Who this device is, kept with its data (see `device.keepsake`)."""

from __future__ import annotations

from device import keepsake
from firstboot.device import Device
from firstboot.journal import Facts


def run(device: Device) -> Facts:
    """Write it down."""
    keepsake.save(device.paths, device.settings, device.facts)
    return {}
