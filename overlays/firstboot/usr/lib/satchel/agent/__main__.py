"""satchel-agent.service: waits for the host's questions and answers them, also when first boot or Kolibri failed."""

from __future__ import annotations

from typing import Any

from agent import first_boot, port, system
from agent.identity import identity
from agent.machine import machine
from checks import run as checks
from device import settings
from device.errors import DeviceError
from device.paths import Paths

_LEAVE = ("reboot", "poweroff")


def main() -> None:
    """Serve until the machine stops."""
    paths = Paths()
    line = port.open_port()
    line.greet()
    for request in line.requests():
        ask = first_boot.answer if request.get("about") == "first boot" else report
        line.answer({**ask(paths, within=float(request["within"])), "nonce": request["nonce"]})
        if request.get("then") in _LEAVE:
            system.leave(request["then"])


def report(paths: Paths, *, within: float) -> dict[str, Any]:
    """Everything that the host needs for its verdict, once the system has settled, after `within` seconds at most."""
    state = system.settled_state(within=within)
    try:
        wanted = settings.load(paths.settings)
    except DeviceError:
        wanted = None
    return {
        "satchel": 1,
        "boot_id": system.boot_id(paths),
        "system": {"state": state, "failed": system.failed_units(), "jobs": system.queued_jobs()},
        "checks": checks.run(paths.checks),
        "identity": identity(paths),
        "machine": machine(paths),
        "disk": system.disk(paths, wanted),
        "kernel": system.kernel(),
        "firmware": system.firmware(paths),
    }


if __name__ == "__main__":
    main()
