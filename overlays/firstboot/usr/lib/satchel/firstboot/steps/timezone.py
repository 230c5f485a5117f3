"""The time zone of the site; without one the device keeps that of its image."""

from __future__ import annotations

from device import files, own_seed
from firstboot.device import Device
from firstboot.journal import Facts


def run(device: Device) -> Facts:
    """Let /etc/localtime lead to the zone, as localtime(5) has it; the old link is replaced at once."""
    zone = own_seed.wanted(device.paths).timezone
    if zone is None:
        return {}
    link = device.paths.at("/etc/localtime")
    new = link.with_name(".localtime.new")
    new.unlink(missing_ok=True)
    new.symlink_to(f"/usr/share/zoneinfo/{zone}")
    new.rename(link)
    files.sync_directory(link.parent)
    return {"timezone": zone}
