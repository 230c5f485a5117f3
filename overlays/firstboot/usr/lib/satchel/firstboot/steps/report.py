"""The report on the EFI system partition: readable on any laptop that takes the card. No secret is in it."""

from __future__ import annotations

import json

from clones import told
from device import environment, files, mounts
from firstboot.device import Device
from firstboot.engine import StepFailed
from firstboot.journal import Facts

_SHOWN = {
    "code": "Facility code",
    "facility_name": "Facility",
    "hostname": "Name in the network",
    "facility_id": "Facility id",
    "dataset_id": "Dataset id",
    "instance_id": "Instance id",
    "kolibri_version": "Kolibri",
    "machines": "Machines so far",
    "latest": "Latest change",
    "formerly": "Formerly",
    "twin": "Twin",
}


def run(device: Device) -> Facts:
    """Write what the device has become, for people and for programs."""
    _write(device, state="ready", problem={})
    return {}


def write_failure(device: Device, error: StepFailed) -> None:
    """Write what stopped first boot. Best effort: the disk itself may be the reason."""
    try:
        _write(device, state="failed", problem={"step": error.step, "reason": error.reason, "advice": error.advice})
    except OSError:
        return


def write_question(device: Device, question: str) -> None:
    """Write what the device waits for. Best effort."""
    try:
        _write(device, state="waiting for an answer", problem={"question": question.strip().replace("\n", "\r\n")})
    except OSError:
        return


def _write(device: Device, *, state: str, problem: dict[str, str]) -> None:
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
        **problem,
    }
    lines = [f"Satchel {settings.recipe}: {state}", ""]
    lines += [f"{title + ':':<21}{whole[key]}" for key, title in _SHOWN.items() if key in whole]
    if settings.kolibri:
        lines.append(f"{'Address:':<21}http://{whole.get('hostname', '')}:{settings.kolibri.port}/")
    lines.append(f"{'System:':<21}{system}")
    lines += [f"{key.capitalize() + ':':<21}{value}" for key, value in problem.items()]
    esp = paths.at(settings.esp)
    files.write(esp / "satchel-report.json", json.dumps(whole, indent=2, sort_keys=True, ensure_ascii=False) + "\n")
    files.write(esp / "satchel-report.txt", "\r\n".join(lines) + "\r\n")
