"""The report on the EFI system partition: readable on any laptop that takes the card. No secret is in it.

It is written over the files that the image keeps for it, without moving a cluster: the kernel lies on the same FAT.
"""

from __future__ import annotations

import json
from contextlib import suppress
from pathlib import Path

from clones import told
from device import environment, files, mounts
from firstboot.device import Device
from firstboot.engine import StepFailed
from firstboot.journal import Facts
from seed import places

_SHOWN = {
    "code": "Facility code",
    "facility_name": "Facility",
    "admin": "Administrator",
    "hostname": "Name in the network",
    "facility_id": "Facility id",
    "dataset_id": "Dataset id",
    "instance_id": "Instance id",
    "kolibri_version": "Kolibri",
    "timezone": "Time zone",
    "tls_fingerprint": "TLS certificate",
    "machines": "Machines so far",
    "latest": "Latest change",
    "formerly": "Formerly",
    "twin": "Twin",
}


def run(device: Device) -> Facts:
    """Write what the device has become, for people and for programs."""
    _write(device, state=places.READY)
    return {}


def tell(device: Device, step: str) -> None:
    """Write how far first boot has come. Best effort: not being able to say it must not stop it."""
    with suppress(OSError):
        _write(device, state=f"working, {step}")


def write_note(device: Device, note: str) -> None:
    """Write the whole again, with something to know about it."""
    _write(device, state=places.READY, note=note)


def write_failure(device: Device, error: StepFailed) -> None:
    """Write what stopped first boot. Best effort: the disk itself may be the reason."""
    with suppress(OSError):
        _write(device, state="failed", step=error.step, reason=error.reason, advice=error.advice)


def write_question(device: Device, question: str) -> None:
    """Write what the device waits for. Best effort."""
    with suppress(OSError):
        _write(device, state="waiting for an answer", question=question.strip().replace("\n", "\r\n"))


def _write(device: Device, *, state: str, **further: str) -> None:
    paths, settings = device.paths, device.settings
    if settings.esp is None or mounts.mounted_at(mounts.read(paths.mountinfo), settings.esp) is None:
        return
    system = environment.parse(files.read(paths.at("/etc/os-release")) or "").get("PRETTY_NAME", "").strip('"')
    whole = {
        "recipe": settings.recipe,
        "state": state,
        "system": system,
        **device.facts,
        **told.facts(paths),
        **further,
    }
    lines = [f"Satchel {settings.recipe}: {state}", ""]
    lines += [f"{title + ':':<21}{whole[key]}" for key, title in _SHOWN.items() if key in whole]
    if settings.kolibri and "hostname" in whole:
        lines.append(f"{'Address:':<21}http://{whole['hostname']}:{settings.kolibri.port}/")
    lines.append(f"{'System:':<21}{system}")
    lines += [f"{key.capitalize() + ':':<21}{value}" for key, value in further.items()]
    esp = paths.at(settings.esp)
    _put(esp / places.REPORT_JSON, json.dumps(whole, indent=2, sort_keys=True, ensure_ascii=False) + "\n")
    _put(esp / places.REPORT_TEXT, "\r\n".join(lines) + "\r\n")


def _put(path: Path, text: str) -> None:
    # A person may have removed or shortened the file; only then are clusters allocated for another.
    if not files.overwrite(path, text):
        files.write(path, text)
