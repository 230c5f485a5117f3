"""The device's own copy of its seed, for root only: it is there during first boot, and then no other seed counts."""

from __future__ import annotations

from dataclasses import replace

from device import files
from device.errors import DeviceError
from device.paths import Paths
from device.settings import Facility, Settings
from seed import document
from seed.document import Seed


def load(paths: Paths) -> Seed | None:
    """The seed that this device has taken; none when it has not.

    Raises:
        DeviceError: the copy cannot be read.
    """
    try:
        return document.parse((files.read(paths.seed) or "").encode())
    except ValueError as error:
        raise DeviceError(f"{paths.seed} is damaged: {error}", advice="Flash the device again.") from error


def wanted(paths: Paths) -> Seed:
    """What this device was told; nothing in particular, when it has no seed."""
    return load(paths) or Seed()


def keep(paths: Paths, seed: Seed) -> None:
    """Write the copy, whole or not at all."""
    files.write(paths.seed, document.render(seed).decode().rstrip() + "\n", mode=0o600)


def forget(paths: Paths) -> None:
    """Remove the copy for good, and one that a power cut left unfinished."""
    for path in (paths.seed, files.unfinished(paths.seed)):
        path.unlink(missing_ok=True)
    if paths.seed.parent.is_dir():
        files.sync_directory(paths.seed.parent)


def facility(paths: Paths, settings: Settings) -> Facility | None:
    """The facility that shall be here: the seed's words before the recipe's; none on a device without Kolibri."""
    if settings.facility is None:
        return None
    told = wanted(paths).facility
    given = {
        name: value for name in ("name", "preset", "language", "admin") if (value := getattr(told, name)) is not None
    }
    return replace(settings.facility, **given)
