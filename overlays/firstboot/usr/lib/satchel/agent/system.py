"""What systemd and the kernel say about the running system. Every question is bounded in time."""

from __future__ import annotations

import os
import platform
import subprocess
from typing import Any

from device import mounts
from device.commands import BASE_ENVIRONMENT
from device.errors import DeviceError
from device.paths import Paths
from device.settings import Settings
from firstboot.steps import grow

_JOURNAL_LINES = 25


def settled_state(*, within: float) -> str:
    """Wait until systemd has nothing left to start, and say how it went: `running`, `degraded`, `starting`, ..."""
    try:
        return _ask(("systemctl", "is-system-running", "--wait"), timeout=within).strip()
    except subprocess.TimeoutExpired:
        return _ask(("systemctl", "is-system-running")).strip()


def unit_state(unit: str) -> str:
    """What systemd calls the state of a unit: `activating`, `active`, `failed`, `inactive`."""
    return _ask(("systemctl", "show", "--property=ActiveState", "--value", unit)).strip()


def failed_units() -> list[dict[str, str]]:
    """The units that failed in this boot, each with the last lines of its journal."""
    listing = _ask(("systemctl", "list-units", "--failed", "--plain", "--no-legend", "--full", "--no-pager"))
    units = [line.split()[0] for line in listing.splitlines() if line.split()]
    lines = ("--boot", "--no-pager", "--output=short-monotonic", f"--lines={_JOURNAL_LINES}")
    return [{"unit": unit, "journal": _ask(("journalctl", *lines, f"--unit={unit}"))} for unit in units]


def queued_jobs() -> str:
    """What systemd is still busy with; the guilty ones when it does not settle."""
    return _ask(("systemctl", "list-jobs", "--plain", "--no-legend", "--full", "--no-pager")).strip()


def kernel() -> str:
    """The release of the running kernel."""
    return platform.release()


def firmware(paths: Paths) -> str:
    """What started this machine."""
    if paths.at("/sys/firmware/efi").exists():
        return "uefi"
    model = paths.at("/proc/device-tree/model")
    return "raspberry-pi" if model.exists() and model.read_bytes().startswith(b"Raspberry Pi") else "bios"


def boot_id(paths: Paths) -> str:
    """The kernel's random name of this boot."""
    return paths.at("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()


def disk(paths: Paths, settings: Settings | None) -> dict[str, Any]:
    """The size of the disk, and how large the file system is that shall have grown to its end; 0 is unknown."""
    table = mounts.read(paths.mountinfo)
    point = settings.grow if settings and settings.grow else "/"
    mount = mounts.mounted_at(table, point)
    if mount is None:
        return {"size_bytes": 0, "grown": None}
    room = os.statvfs(paths.at(point))
    try:
        size = grow.find(paths.at("/sys"), paths.at("/dev"), mounts.device_number(mount)).disk_bytes
    except (DeviceError, OSError):
        size = 0
    return {"size_bytes": size, "grown": {"mount": point, "size_bytes": room.f_blocks * room.f_frsize}}


def leave(what: str) -> None:
    """Start to `reboot` or `poweroff`."""
    subprocess.run(("systemctl", "--no-block", what), env=BASE_ENVIRONMENT, check=False, timeout=120)


def _ask(argv: tuple[str, ...], *, timeout: float = 120) -> str:
    done = subprocess.run(
        argv, stdin=subprocess.DEVNULL, capture_output=True, text=True, errors="replace", env=BASE_ENVIRONMENT,
        timeout=timeout, check=False,
    )  # fmt: skip
    return done.stdout
