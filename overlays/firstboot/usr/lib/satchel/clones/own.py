"""What belongs to one device only, outside Kolibri: taken away here, made anew by the steps of first boot."""

from __future__ import annotations

from device import disk_ids, files, mounts
from device.paths import Paths
from firstboot.steps import grow

_SECRET_FILES = ("/etc/ssh/ssh_host_*", "/etc/satchel/tls/*")


def forget(paths: Paths, *, machine_id: str) -> None:
    """Give a device a new machine id, and take from it every key and number that its twin has too.

    The machine id is not left to systemd: in some virtual machines it would make the same one again.
    """
    files.write(paths.machine_id, f"{machine_id}\n", mode=0o444)
    for pattern in _SECRET_FILES:
        for path in sorted(paths.root.glob(pattern.lstrip("/"))):
            path.unlink()
    for path in (paths.kolibri_environment[1], paths.machine):
        path.unlink(missing_ok=True)
    _forget_disk_ids(paths)


def _forget_disk_ids(paths: Paths) -> None:
    """Let the next boot give the disk new ids, on a device that can do that."""
    cmdline = files.read(paths.at("/proc/cmdline")) or ""
    root = mounts.mounted_at(mounts.read(paths.mountinfo), "/")
    if disk_ids.image_guid(cmdline) is None or root is None:
        return
    partition = grow.find(paths.at("/sys"), paths.at("/dev"), mounts.device_number(root))
    disk_ids.forget(partition.disk, cmdline)
