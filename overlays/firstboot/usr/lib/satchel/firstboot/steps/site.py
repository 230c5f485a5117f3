"""What the seed says for overlays: a wireless network, and values that only they understand."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

from device import files, own_seed
from firstboot.device import Device
from firstboot.journal import Facts


def run(device: Device) -> Facts:
    """Write /var/lib/satchel/wifi.json, for root only because of the passphrase, and site.json for everybody."""
    seed = own_seed.wanted(device.paths)
    if seed.wifi is not None and (seed.wifi.passphrase or not device.paths.wifi.exists()):
        _write(device.paths.wifi, asdict(seed.wifi), mode=0o600)
    if seed.extra:
        _write(device.paths.site, seed.extra, mode=0o644)
    return {}


def _write(path: Path, values: dict[str, str], *, mode: int) -> None:
    files.write(path, json.dumps(values, indent=2, sort_keys=True, ensure_ascii=False) + "\n", mode=mode)
