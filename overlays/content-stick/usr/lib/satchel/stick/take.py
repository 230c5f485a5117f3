"""Taking a stick, from the signature to the switch. The order is the point: nothing is believed before it is proved."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass

from device.errors import DeviceError
from stick import applied, copying, manifest, switching, trust, verdict
from stick.copying import Stick
from stick.manifest import Channel, Manifest
from stick.outcome import Refused, Removed
from stick.places import Places
from stick.service import Service
from stick.telling import Telling


@dataclass(frozen=True, slots=True, kw_only=True)
class Device:
    """The device that takes it."""

    recipe: str
    keys: tuple[str, ...]
    places: Places
    service: Service


def take(stick: Stick, device: Device, tell: Telling) -> bool:
    """Take what is new on a stick, and tell how it went.

    Returns:
        False when the device could not do what it should have done; a stick that is refused is none of its faults.
    """
    try:
        done = _take(stick, device, tell)
    except Removed as error:
        tell.end("removed", error.reason, error.advice)
    except Refused as error:
        tell.end("refused", f"not taken: {error.reason}", error.advice)
    except DeviceError as error:
        tell.end("failed", error.reason, error.advice)
        return False
    except (OSError, sqlite3.Error) as error:
        tell.end("failed", str(error), "The disk may be full or damaged. Send this text to your support.")
        return False
    else:
        names = ", ".join(channel.name for channel in done)
        if done:
            tell.end("applied", f"done: {names}", "You can pull the stick out.")
        else:
            tell.end("nothing-new", "all of it is here already", "You can pull the stick out.")
    return True


def _take(stick: Stick, device: Device, tell: Telling) -> Sequence[Channel]:
    places = device.places
    found = _proved(stick, device)
    tell.begin(f"{', '.join(channel.name for channel in found.channels)}; looking at what is here already")
    new = verdict.news(found, switching.installed(places.home), applied.load(places.memory))
    if not new:
        return ()
    listed = stick.read(manifest.FILES, largest=manifest.LARGEST_LIST)
    wanted = manifest.files_in(listed or b"", found)
    copying.prepare(places)
    missing = copying.missing(wanted, places, lambda _: None)
    room = os.statvfs(places.home)
    verdict.require_room(
        missing,
        new,
        own=switching.own_bytes(places.home),
        free=room.f_bavail * room.f_frsize,
        reserve=places.reserve,
    )
    switching.bring_databases(new, stick, places)
    total = sum(file.size for file in missing)
    tell.begin(f"copying {len(missing)} of {len(wanted)} files; do not pull the stick out", total=total)
    copying.copy(missing, stick, places, tell.advance)
    tell.begin("everything is copied, and the stick is not needed any more; Kolibri pauses to take it in")
    try:
        device.service.hold()
        switching.prepare(new, wanted, places, serial=found.serial)
        if not switching.finish(places):
            raise DeviceError("Kolibri was used meanwhile", advice="Put the stick in again.")
    finally:
        device.service.release()
    return new


def _proved(stick: Stick, device: Device) -> Manifest:
    data = stick.read(manifest.MANIFEST, largest=manifest.LARGEST)
    if data is None:
        raise Refused(f"there is no {manifest.MANIFEST} on the stick", advice="Make it with `satchel content stick`.")
    signature = stick.read(manifest.SIGNATURE, largest=trust.SIGNATURE_BYTES)
    trust.require_signature(data, signature, device.keys, scratch=device.places.scratch)
    found = manifest.parse(data)
    verdict.require_product(found, device.recipe)
    return found
