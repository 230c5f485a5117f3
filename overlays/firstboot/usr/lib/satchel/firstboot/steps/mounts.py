"""All file systems of the recipe are mounted: nothing is made on the wrong disk, or on none."""

from __future__ import annotations

from device import mounts
from firstboot.device import Device
from firstboot.journal import Facts


def run(device: Device) -> Facts:
    """Look at the kernel's table of mounts."""
    mounts.require(mounts.read(device.paths.mountinfo), device.settings.mounts)
    return {}
