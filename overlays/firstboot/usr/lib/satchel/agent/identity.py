"""Every field that must differ between two devices of one image, and stay the same over reboots. No secret leaves."""

from __future__ import annotations

import base64
import hashlib
import json
from dataclasses import asdict
from typing import Any

from device import disk_ids, files, mounts
from device.errors import DeviceError
from device.paths import Paths
from firstboot.steps import grow

_FROM_FIRST_BOOT = {
    "facility_code": "code",
    "facility_id": "facility_id",
    "dataset_id": "dataset_id",
    "instance_id": "instance_id",
    "tls_certificate": "tls_fingerprint",
}


def identity(paths: Paths) -> dict[str, Any]:
    """What this device says it is; what does not exist is null."""
    try:
        known = json.loads(files.read(paths.identity) or "{}")
    except ValueError:
        known = {}
    password = files.read(paths.admin_password)
    return {
        "machine_id": files.read(paths.machine_id),
        "hostname": files.read(paths.at("/proc/sys/kernel/hostname")),
        "ssh_host_keys": _host_keys(paths),
        **{field: known.get(key) for field, key in _FROM_FIRST_BOOT.items()},
        **_disk_ids(paths),
        "admin_password": f"sha256:{hashlib.sha256(password.encode()).hexdigest()}" if password else None,
    }


def _disk_ids(paths: Paths) -> dict[str, Any]:
    """The ids of the disk that the root file system lies on."""
    try:
        root = mounts.mounted_at(mounts.read(paths.mountinfo), "/")
        if root is None:
            return {}
        disk = grow.find(paths.at("/sys"), paths.at("/dev"), mounts.device_number(root)).disk
        return asdict(disk_ids.read(disk, paths.at("/sys"), paths.at("/dev")))
    except (DeviceError, OSError):
        return {}


def _host_keys(paths: Paths) -> dict[str, str]:
    """Fingerprints as `ssh-keygen -l` prints them, by kind."""
    found = {}
    for path in sorted(paths.at("/etc/ssh").glob("ssh_host_*_key.pub")):
        kind = path.name.removeprefix("ssh_host_").removesuffix("_key.pub")
        _, _, rest = (files.read(path) or "").partition(" ")
        try:
            blob = base64.b64decode(rest.partition(" ")[0])
        except ValueError:
            continue
        found[kind] = "SHA256:" + base64.b64encode(hashlib.sha256(blob).digest()).decode().rstrip("=")
    return found
