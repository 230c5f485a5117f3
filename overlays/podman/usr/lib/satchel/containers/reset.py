"""The store of images made anew: an empty file system, then all images from their copy. Nothing else is touched.

A mark is written first and removed last, so that a device that lost its power meanwhile goes on at its next start.
"""

from __future__ import annotations

from pathlib import Path

from containers import replacing
from containers.settings import Settings
from device import files, mounts
from device.commands import run
from device.errors import DeviceError
from device.paths import Paths

MARK = "/var/lib/satchel/containers-reset"

_NODE_BYTES = 4096
"""As in the image: what is written again is written in whole nodes, and a card wears with every byte."""
_MINUTES = 60


def reset(paths: Paths, settings: Settings, *, started: bool) -> None:
    """Make the store again, with its images.

    Args:
        started: Whether containers may run. Before they do, a stop would take back the order to start them.

    Raises:
        DeviceError: there is no copy of the images, or something of the store is still in use.
    """
    copies = paths.at(settings.copies) if settings.copies else None
    if copies is None or not (copies / "index.json").is_file():
        raise DeviceError(
            "this device keeps no copy of its images, so nothing could be put in their place",
            advice="Flash it again with `satchel flash --keep-data`; with `reload: true` in the recipe it keeps one.",
        )
    files.write(paths.at(MARK), "1\n")
    services = tuple(f"{unit.name}.service" for unit in settings.units)
    if services and started:
        _say("stopping containers")
        run(("systemctl", "stop", *services), why="stop the containers")
    make(paths, settings)
    for image in settings.images:
        _say(f"loading {image}")
        load = ("podman", "pull", "--quiet", f"oci:{copies}:{image}")
        run(load, why=f"load {image}", timeout=_MINUTES * 60)
    for archive in replacing.archives(paths):
        _say(f"loading {archive.name}")
        run(("podman", "load", "--quiet", "--input", str(archive)), why=f"load {archive}", timeout=_MINUTES * 60)
    paths.at(MARK).unlink()
    files.sync_directory(paths.at(MARK).parent)


def make(paths: Paths, settings: Settings) -> None:
    """An empty file system where the store is."""
    source = source_of(paths.at("/etc/fstab").read_text(encoding="utf-8"), settings.store)
    while mounts.mounted_at(mounts.read(paths.mountinfo), settings.store):
        advice = f"Stop what uses {settings.store} (fuser -vm {settings.store}), or restart, and try again."
        run(("umount", "--recursive", settings.store), why=f"let go of {settings.store}", advice=advice)
    _say(f"making {settings.store} anew")
    label = ("--label", settings.label) if settings.label else ()
    form = ("--nodesize", str(_NODE_BYTES), "--metadata", "dup", "--data", "single")
    run(("mkfs.btrfs", "--force", "--quiet", *label, *form, source), why="make an empty store")
    run(("mount", settings.store), why="mount the empty store")


def source_of(fstab: str, point: str) -> str:
    """What is mounted at a place, by the table of mounts: the file system itself may be too damaged to ask.

    Raises:
        DeviceError: nothing is.
    """
    for line in fstab.splitlines():
        fields = line.split()
        if len(fields) > 1 and not line.startswith("#") and fields[1] == point:
            return fields[0]
    raise DeviceError(f"/etc/fstab has no line for {point}", advice="Flash the device again.")


def wanted(paths: Paths) -> bool:
    """Whether a reset was begun and not ended."""
    return Path(paths.at(MARK)).exists()


def _say(text: str) -> None:
    """At once: loading takes minutes."""
    print(text, flush=True)
