"""satchel-firstboot.service: the first boot of a device, and a quick look at every later one."""

from __future__ import annotations

import sys

from device import login_prompt, settings
from device.errors import DeviceError
from device.paths import Paths
from firstboot import engine
from firstboot.device import Device
from firstboot.journal import Journal
from firstboot.screen import Screen
from firstboot.steps import STEPS
from firstboot.steps.report import write_failure


def main() -> int:
    """Run first boot. Returns 0 only when every step is done."""
    paths = Paths()
    screen = Screen(active=paths.at("/sys/class/tty/console/active"), devices=paths.at("/dev"))
    try:
        device = Device(paths=paths, settings=settings.load(paths.settings))
    except DeviceError as error:
        return _stopped(paths, screen, engine.StepFailed("settings", error.reason, error.advice))
    try:
        worked = engine.run(STEPS, device, Journal(paths.journal), screen)
    except engine.StepFailed as error:
        write_failure(device, error)
        return _stopped(paths, screen, error)
    login_prompt.show(paths, login_prompt.current(paths, device.settings, device.facts))
    if worked:
        screen.say(f"This device is {device.facts['hostname']}, facility code {device.facts['code']}.")
    return 0


def _stopped(paths: Paths, screen: Screen, error: engine.StepFailed) -> int:
    notice = login_prompt.failure(error.step, error.reason, error.advice)
    screen.say(notice)
    login_prompt.show(paths, notice)
    return 1


if __name__ == "__main__":
    sys.exit(main())
