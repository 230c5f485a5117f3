"""satchel-twin.service: looks for another device in the network that says it is this one.

Kolibri announces its instance id. When a packet of somebody else speaks of ours, that device is asked itself, at the
address from which the packet came: a packet alone is too easily forged, and must not make us call a third one. If it
gives our id, this device waits a moment so that its twin can find out too, and closes Kolibri until a person chooses.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from http.client import HTTPConnection, HTTPException

from clones import boot, dns, history, told
from clones.mdns import Multicast, is_own, multicast
from device import files, login_prompt, settings
from device.commands import BASE_ENVIRONMENT
from device.paths import Paths
from firstboot.device import Device
from firstboot.screen import Screen

ASK_EVERY_SECONDS = 240.0
EARLY_SECONDS = (5.0, 30.0)
"""Pauses between the first questions: cables and wireless networks come up late."""
GRACE_SECONDS = 30.0
"""How long Kolibri stays open after the twin was found, so that the twin can find us: it would not believe a packet."""
_TIMES_IN_GRACE = 3
_TIMEOUT_SECONDS = 10.0
_LONGEST_ANSWER = 65536
_CALL_AGAIN_SECONDS = 8.0
_INFO = "/api/public/info/?v=3"


@dataclass(frozen=True, slots=True, kw_only=True)
class Twin:
    """Another device that has given our instance id when it was asked."""

    address: str
    port: int
    device_name: str


def find(network: Multicast, instance_id: str, *, default_port: int) -> Twin:
    """Look until there is a twin."""
    pauses = [*EARLY_SECONDS]
    called: dict[str, float] = {}
    while True:
        network.ask(dns.query())
        for packet, address in network.heard(pauses.pop(0) if pauses else ASK_EVERY_SECONDS):
            port = suspicious(packet, instance_id, default_port=default_port)
            if port is None or is_own(address) or called.get(address, 0) > time.monotonic():
                continue
            called = {there: until for there, until in called.items() if until > time.monotonic()}
            called[address] = time.monotonic() + _CALL_AGAIN_SECONDS
            if (twin := confirm(address, port, instance_id)) is not None:
                return twin


def let_it_know(network: Multicast) -> None:
    """Have everybody answer again, which the twin's own watch hears, and stay open for its call."""
    for _ in range(_TIMES_IN_GRACE):
        network.ask(dns.query())
        for _ in network.heard(GRACE_SECONDS / _TIMES_IN_GRACE):
            pass


def suspicious(packet: bytes, instance_id: str, *, default_port: int) -> int | None:
    """The port of a Kolibri of which a packet says that it is the one with an id; nothing for all others."""
    try:
        found = dns.announcements(packet)
    except dns.NotUnderstoodError:
        return None
    ports = [each.port or default_port for each in found if each.may_be(instance_id)]
    return ports[0] if ports else None


def confirm(address: str, port: int, instance_id: str) -> Twin | None:
    """Ask a device who it is. It may be anything, and answer anything or nothing."""
    connection = HTTPConnection(address, port, timeout=_TIMEOUT_SECONDS)
    try:
        connection.request("GET", _INFO, headers={"Accept": "application/json"})
        told_by_it = json.loads(connection.getresponse().read(_LONGEST_ANSWER))
    except (OSError, HTTPException, ValueError, RecursionError):
        return None
    finally:
        connection.close()
    if not isinstance(told_by_it, dict) or told_by_it.get("instance_id") != instance_id:
        return None
    name = "".join(letter for letter in str(told_by_it.get("device_name", "")) if letter.isprintable())
    return Twin(address=address, port=port, device_name=name[:50])


def close(device: Device, twin: Twin, screen: Screen) -> None:
    """Close Kolibri, and say why wherever somebody may look. First what a restart must find, then all else."""
    paths = device.paths
    past = history.load(paths)
    clock = datetime.now(UTC).isoformat(timespec="seconds")
    seen = {
        "address": twin.address,
        "port": twin.port,
        "device_name": twin.device_name,
        "boot": past.boots,
        "clock": clock,
    }
    files.write(paths.twin, json.dumps(seen, indent=2, sort_keys=True) + "\n")
    history.save(paths, past.with_event("twin-seen", address=twin.address, device_name=twin.device_name))
    subprocess.run(("systemctl", "stop", "kolibri.service"), env=BASE_ENVIRONMENT, check=False, timeout=120)
    screen.say("\n" + told.twin(paths))
    login_prompt.show(paths, login_prompt.current(paths, device.settings, device.facts))
    boot.write_report(device)


def main() -> int:
    """Look until there is a twin; then close Kolibri and end."""
    paths = Paths()
    wanted = settings.load(paths.settings)
    known = json.loads(files.read(paths.identity) or "{}")
    device = Device(
        paths=paths, settings=wanted, facts={key: text for key, text in known.items() if isinstance(text, str)}
    )
    if wanted.kolibri is None or not (instance_id := device.facts.get("instance_id")):
        return 0
    with multicast() as network:
        twin = find(network, instance_id, default_port=wanted.kolibri.port)
        print(f"twin: {twin}", flush=True)
        let_it_know(network)
    close(device, twin, Screen(active=paths.at("/sys/class/tty/console/active"), devices=paths.at("/dev")))
    return 0


if __name__ == "__main__":
    sys.exit(main())
