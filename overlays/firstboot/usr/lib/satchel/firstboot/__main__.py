"""satchel-firstboot.service: the first boot of a device, and a quick look at every later one."""

from __future__ import annotations

import sys

from clones import boot
from device import login_prompt, settings
from device.errors import DeviceError
from device.paths import Paths
from firstboot import engine
from firstboot.device import Device
from firstboot.journal import Journal
from firstboot.screen import Screen
from firstboot.steps import STEPS, forget_secrets, report


def main() -> int:
    """Run first boot. Returns 0 only when every step is done."""
    paths = Paths()
    screen = Screen(active=paths.at("/sys/class/tty/console/active"), devices=paths.at("/dev"))
    try:
        device = Device(paths=paths, settings=settings.load(paths.settings))
    except DeviceError as error:
        return _stopped(paths, screen, engine.StepFailed("settings", error.reason, error.advice))
    try:
        worked = _become(device, screen)
    except engine.StepFailed as error:
        report.write_failure(device, error)
        return _stopped(paths, screen, error)
    _look_again(device, screen)
    login_prompt.show(paths, login_prompt.current(paths, device.settings, device.facts))
    if worked:
        screen.say(f"This device is {device.facts['hostname']}, facility code {device.facts['code']}.")
    return 0


def _become(device: Device, screen: Screen) -> bool:
    """Everything until the device is who it shall be. Returns whether anything had to be done."""
    worked = False
    while True:
        worked |= boot.finish(device, screen)
        device.facts.clear()
        worked |= engine.run(
            STEPS, device, Journal(device.paths.journal), screen, lambda step: report.tell(device, step)
        )
        if not boot.look(device, screen):
            boot.take_answer_off(device)
            return worked


def _look_again(device: Device, screen: Screen) -> None:
    """Best effort: what lies on the card now must not keep a device closed that has served before."""
    try:
        note = forget_secrets.look_again(device)
        if note:
            screen.say(note)
            report.write_note(device, note)
    except OSError as error:
        screen.say(f"The card's FAT partition cannot be used: {error}")


def _stopped(paths: Paths, screen: Screen, error: engine.StepFailed) -> int:
    notice = login_prompt.failure(error.step, error.reason, error.advice)
    screen.say(notice)
    login_prompt.show(paths, notice)
    return 1


if __name__ == "__main__":
    sys.exit(main())
