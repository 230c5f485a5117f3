"""satchel-content-stick: called by systemd when a stick is plugged in, and whenever Kolibri starts."""

from __future__ import annotations

import fcntl
import json
import sys
from pathlib import Path

from device import mounts, settings
from device.commands import run as run_command
from device.errors import DeviceError
from device.paths import Paths
from device.settings import Kolibri
from firstboot.screen import Screen
from stick import switching, trust
from stick.copying import Stick
from stick.outcome import Refused
from stick.places import Places, trusted_keys
from stick.service import SystemdService
from stick.take import Device, take
from stick.telling import Telling

_TYPES = "ext4,vfat,exfat"
_OPTIONS = "ro,nodev,nosuid,noexec"
_USAGE = "satchel-content-stick {take PARTITION | finish | release | status}"


def main(arguments: list[str]) -> int:
    """Do what was asked for. Returns 0 unless the device failed."""
    try:
        return _done(Paths(), arguments)
    except DeviceError as error:
        print(f"{error.reason}\n{error.advice}", file=sys.stderr)
        return 1


def _done(paths: Paths, arguments: list[str]) -> int:
    match arguments:
        case ["take", name] if "/" not in name:
            return _take(paths, name)
        case ["finish"]:
            switching.finish(Places.of(paths, _kolibri(settings.load(paths.settings))))
        case ["release"]:
            _service(paths).release()
        case ["status"]:
            print(_status(paths))
        case _:
            print(_USAGE, file=sys.stderr)
            return 2
    return 0


def _take(paths: Paths, name: str) -> int:
    tell = Telling(paths, Screen(active=paths.at("/sys/class/tty/console/active"), devices=paths.at("/dev")))
    wanted = settings.load(paths.settings)
    places = Places.of(paths, _kolibri(wanted))
    places.scratch.mkdir(mode=0o755, exist_ok=True)
    entry = paths.at("/sys/class/block") / name
    with (places.scratch / "content-stick.lock").open("w") as lock:
        # Two sticks at once: one after the other.
        fcntl.flock(lock, fcntl.LOCK_EX)
        try:
            if _is_own(paths, entry):
                return 0
            keys = trusted_keys(paths.at("/usr/lib/satchel/content-stick.json"))
            # A stranger's file system is a danger to the kernel: without need it is not even mounted.
            trust.require_keys(keys)
            device = Device(recipe=wanted.recipe, keys=keys, places=places, service=_service(paths))
            top = _mount(paths, name)
        except Refused as error:
            tell.end("refused", f"not taken: {error.reason}", error.advice)
            return 0
        except DeviceError as error:
            tell.end("failed", error.reason, error.advice)
            return 1
        return 0 if take(Stick(top, present=entry.exists), device, tell) else 1


def _mount(paths: Paths, name: str) -> Path:
    """In this process's own view of the file systems (PrivateMounts): nobody else sees it, and it ends with us."""
    point = paths.at("/run/satchel/content-stick")
    point.mkdir(mode=0o700, parents=True, exist_ok=True)
    try:
        argv = ("mount", "-t", _TYPES, "-o", _OPTIONS, str(paths.at("/dev") / name), str(point))
        run_command(argv, why="look at the stick", timeout=300)
    except DeviceError as error:
        raise Refused(error.reason, advice="Make the stick again, or use another one.") from error
    return point


def _is_own(paths: Paths, entry: Path) -> bool:
    """Whether it is a part of the disk that this system runs from."""
    root = mounts.mounted_at(mounts.read(paths.mountinfo), "/")
    if root is None:
        return True
    return _disk(paths.at("/sys/dev/block") / mounts.device_number(root)) == _disk(entry)


def _disk(entry: Path) -> Path:
    place = entry.resolve()
    return place.parent if (place / "partition").exists() else place


def _kolibri(wanted: settings.Settings) -> Kolibri:
    if wanted.kolibri is None:
        raise DeviceError("this device has no Kolibri", advice="A content stick is for devices with Kolibri.")
    return wanted.kolibri


def _service(paths: Paths) -> SystemdService:
    return SystemdService(paths.at("/run/satchel/kolibri-held"))


def _status(paths: Paths) -> str:
    try:
        facts = json.loads(paths.at("/run/satchel/content-stick.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return "No content stick was put in since the device was switched on."
    return f"{facts['state']}, {facts['percent']} %: {facts['said']}\n{facts['advice']}".strip()
