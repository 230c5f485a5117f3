"""The administrator's password: told by the seed or born here, kept for root only, the same for the console and for
Kolibri.
"""

from __future__ import annotations

from device import files, own_seed
from device.commands import run as run_command
from device.login_prompt import GIVEN
from firstboot.device import Device
from firstboot.journal import Facts
from seed import password


def run(device: Device) -> Facts:
    """Take the seed's password, or keep what is there, or make one; give it to the accounts that use the console."""
    settings = device.settings
    if not settings.console_users and settings.facility is None:
        return {}
    told = own_seed.wanted(device.paths).admin_password
    known = files.read(device.paths.admin_password)
    secret = told or known or password.mint()
    if secret != known:
        files.write(device.paths.admin_password, f"{secret}\n", mode=0o600)
    if settings.console_users:
        lines = "".join(f"{user}:{secret}\n" for user in settings.console_users)
        run_command(("chpasswd",), why="set the password for the console", stdin=lines)
    return {"admin_password": GIVEN} if told else {}
