"""What stands above the login prompt: how to reach this device and, until somebody has used it, the password.

Owns /run/issue.d/satchel.issue. It lies in memory only, for root only, and is gone with the power.
"""

from __future__ import annotations

import sqlite3
import subprocess
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

from device import files, kolibri_db, secret_files
from device.commands import BASE_ENVIRONMENT
from device.paths import Paths
from device.settings import Settings

GIVEN = "given"
"""The fact about a password that came with the seed: whoever wrote it knows it, so no screen shows it."""

_UNTIL = "(shown here until the first login)"
_TWIN = (
    "Another device in this network says that it is this one: one of the two is a copy.",
    "Kolibri is closed until somebody chooses: log in and run 'sudo satchel-identity',",
    "or switch off and on and answer here.",
)


def text(
    *,
    recipe: str,
    code: str,
    hostname: str,
    port: int | None,
    admin: str,
    password: str | None,
    secrets: Mapping[str, str] = MappingProxyType({}),
    twin: bool = False,
) -> str:
    """The notice, in agetty's notation: `\\4` becomes the address of the first network card that is up."""
    lines = [f"Satchel {recipe}", f"  facility code  {code}", f"  name           {hostname}"]
    lines.append(f"  open           http://\\4:{port}/" if port else "  address        \\4")
    if password:
        lines += [f"  user           {admin}", f"  password       {password}   {_UNTIL}"]
    lines += [f"  {name:<14} {_unread(value)}   {_UNTIL}" for name, value in secrets.items()]
    if twin:
        lines += ["", *_TWIN]
    return "\n".join(["", *lines, "", ""])


def failure(step: str, reason: str, advice: str) -> str:
    """The notice when first boot could not be finished."""
    said = "\n  ".join(reason.replace("\\", "\\\\").splitlines())
    return f"\nFirst boot stopped at the step '{step}'. Nothing is served until it is done.\n  {said}\n  {advice}\n\n"


def show(paths: Paths, notice: str) -> None:
    """Put a notice above every login prompt, also above those that are already on a screen."""
    if files.read(paths.issue) == notice.strip():
        return
    files.write(paths.issue, notice, mode=0o600)
    subprocess.run(("agetty", "--reload"), env=BASE_ENVIRONMENT, check=False, timeout=60)


def current(paths: Paths, settings: Settings, facts: dict[str, str]) -> str:
    """The notice of a device whose first boot is done."""
    shown = settings.facility is not None or bool(settings.console_users)
    admin = settings.facility.admin if settings.facility else ", ".join(settings.console_users)
    shown &= facts.get("admin_password") != GIVEN
    unseen = not seen(paths, settings)
    return text(
        recipe=settings.recipe,
        code=facts["code"],
        hostname=facts["hostname"],
        port=settings.kolibri.port if settings.kolibri else None,
        admin=facts.get("admin", admin),
        password=files.read(paths.admin_password) if shown and unseen else None,
        secrets=_shown_once(paths, settings) if unseen else {},
        twin=paths.twin.exists(),
    )


def _shown_once(paths: Paths, settings: Settings) -> dict[str, str]:
    """Those secrets that the recipe wants to be seen. Whoever wrote a seed knows what a site shares."""
    wanted = (each.name for each in settings.secrets if each.shown == "once" and each.scope == "device")
    return {name: value for name in wanted if (value := secret_files.known(paths, name))}


def _unread(text: str) -> str:
    """As agetty shows it: a backslash begins what it would put something else in the place of."""
    return text.replace("\\", "\\\\")


def seen(paths: Paths, settings: Settings) -> bool:
    """Whether the administrator has logged in; remembered for good once it was so."""
    if paths.admin_seen.exists():
        return True
    if not _logged_in(paths, settings):
        return False
    files.write(paths.admin_seen, "")
    return True


def _logged_in(paths: Paths, settings: Settings) -> bool:
    if settings.kolibri is None:
        users = _with_session(paths.at("/run/systemd/users"))
        # Without an account for the console, whoever logs in has seen it.
        return bool(users & set(settings.console_users) if settings.console_users else users)
    try:
        return kolibri_db.admin_has_logged_in(paths.at(settings.kolibri.home))
    except sqlite3.Error:
        return False


def _with_session(users: Path) -> set[str]:
    """Whom systemd-logind knows a session of; its files have a line `NAME=`."""
    texts = (record.read_text(encoding="utf-8", errors="replace") for record in users.glob("[0-9]*"))
    return {line.removeprefix("NAME=") for text in texts for line in text.splitlines() if line.startswith("NAME=")}
