"""The machine id: systemd makes it when /etc/machine-id is empty; this step proves it and makes it last."""

from __future__ import annotations

import re

from device import files, mounts
from device.commands import run as run_command
from device.errors import DeviceError
from firstboot.device import Device
from firstboot.journal import Facts

_VALID = re.compile(r"(?!0{32})[0-9a-f]{32}")


def run(device: Device) -> Facts:
    """Make sure that there is one, on the disk and not only in memory, and that D-Bus uses the same."""
    paths = device.paths
    root = f"--root={paths.root}"
    if mounts.mounted_at(mounts.read(paths.mountinfo), "/etc/machine-id"):
        run_command(("systemd-machine-id-setup", "--commit", root), why="make the machine id last")
    elif not _VALID.fullmatch(files.read(paths.machine_id) or ""):
        # A text such as "uninitialized" must go first: systemd-machine-id-setup keeps it for the next boot.
        files.write(paths.machine_id, "", mode=0o444)
        run_command(("systemd-machine-id-setup", root), why="make a machine id")
    machine_id = files.read(paths.machine_id) or ""
    if not _VALID.fullmatch(machine_id):
        raise DeviceError("/etc/machine-id holds no machine id", advice="Flash the device again.")
    _share_with_dbus(device)
    return {"machine_id": machine_id}


def _share_with_dbus(device: Device) -> None:
    link = device.paths.at("/var/lib/dbus/machine-id")
    if link.parent.is_dir() and not link.is_symlink():
        link.unlink(missing_ok=True)
        link.symlink_to("/etc/machine-id")
        files.sync_directory(link.parent)
