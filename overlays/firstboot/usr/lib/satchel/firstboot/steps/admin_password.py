"""The administrator's password: born here, kept for root only, the same for the console and for Kolibri."""

from __future__ import annotations

from device import files
from device.commands import run as run_command
from firstboot.device import Device
from firstboot.journal import Facts
from seed import password


def run(device: Device) -> Facts:
    """Keep the password that is there, or make one; then give it to the accounts that log in on the console."""
    settings = device.settings
    if not settings.console_users and settings.facility is None:
        return {}
    secret = files.read(device.paths.admin_password)
    if secret is None:
        secret = password.mint()
        files.write(device.paths.admin_password, f"{secret}\n", mode=0o600)
    if settings.console_users:
        lines = "".join(f"{user}:{secret}\n" for user in settings.console_users)
        run_command(("chpasswd",), why="set the password for the console", stdin=lines)
    return {}
