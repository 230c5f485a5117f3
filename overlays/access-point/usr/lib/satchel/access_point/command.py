"""Before the network is made: let the radio send, and write what hostapd and dnsmasq read."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from access_point import dnsmasq, hostapd
from access_point.network import network
from device import files, secret_files
from device.errors import DeviceError
from device.paths import Paths

_SETTINGS = "/usr/lib/satchel/access-point.json"
_OUT = "/run/satchel-access-point"


def main(paths: Paths | None = None) -> int:
    """Write both configurations, for root only; a person is told what is missing."""
    paths = paths or Paths()
    try:
        recipe = _read(paths.at(_SETTINGS))
        wanted = network(
            recipe,
            told={key: value for key, value in _read(paths.wifi).items() if value},
            code=_read(paths.identity).get("code", ""),
            secret=secret_files.known(paths, recipe["secret"]),
        )
    except DeviceError as error:
        print(f"{error.reason}\n{error.advice}", file=sys.stderr)
        return 1
    for name, text in (("hostapd", hostapd.configuration(wanted)), ("dnsmasq", dnsmasq.configuration(wanted))):
        files.write(paths.at(f"{_OUT}/{name}.conf"), text, mode=0o600)
    unblock(paths)
    return 0


def unblock(paths: Paths) -> None:
    """Switch the radios on that a switch in software keeps off; Linux keeps them off until a country is known."""
    for radio in paths.at("/sys/class/rfkill").glob("*"):
        if files.read(radio / "type") == "wlan":
            (radio / "soft").write_text("0", encoding="ascii")


def _read(path: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(files.read(path) or "{}")
    return found
