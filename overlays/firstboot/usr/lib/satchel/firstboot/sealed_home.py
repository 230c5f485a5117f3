"""The pristine copy of the sealed Kolibri home, from which a home is mended that a power cut damaged too early.

Only a home without an owner may be mended so: once a facility was born, the same act would destroy a school's data.
What is replaced is kept beside it, never deleted.
"""

from __future__ import annotations

import os
import shutil
import sqlite3
from pathlib import Path

from device import accounts, kolibri_db, kolibri_home
from device.errors import DeviceError

DIRECTORY = "/usr/share/satchel/sealed-home"
"""Where it lies, on the system's own partition."""

_ASIDE = ".damaged"
_BACKUP_ADVICE = "Do not flash this device: it may hold learners' work. Send this text to your support."


def restore(home: Path, pristine: Path, user: str) -> None:
    """Replace the files of a damaged home that has no owner yet.

    Raises:
        DeviceError: the home has or may have an owner, or there is no pristine copy, or it did not help.
    """
    found = "; ".join(kolibri_home.damage(home))
    if _has_owner(home):
        raise DeviceError(f"{home} is damaged: {found}", advice=_BACKUP_ADVICE)
    if not (pristine / kolibri_home.MAIN_DATABASE).is_file():
        raise DeviceError(f"{home} is damaged: {found}; there is no copy to mend it", advice="Flash the device again.")
    _set_aside(home)
    _copy(pristine, home, user)
    if remaining := kolibri_home.damage(home):
        raise DeviceError(f"{home} cannot be mended: {'; '.join(remaining)}", advice="Use another disk.")


def _has_owner(home: Path) -> bool:
    if (home / kolibri_home.OWNER_MARK).exists():
        return True
    try:
        return not kolibri_db.provisioning(home).untouched
    except sqlite3.Error:
        return False


def _set_aside(home: Path) -> None:
    """Move the damaged files away, journals of the databases included: a stale one would damage the copy."""
    aside = home / _ASIDE
    aside.mkdir(mode=0o700, exist_ok=True)
    for path in [*home.glob("*.sqlite3*"), home / ".data_version", home / "options.ini", home / "plugins.json"]:
        if path.exists():
            path.replace(aside / path.name)


def _copy(pristine: Path, home: Path, user: str) -> None:
    home.mkdir(exist_ok=True)
    for source in sorted(pristine.iterdir()):
        if source.is_file() and not source.is_symlink():
            target = home / source.name
            shutil.copyfile(source, target)
            target.chmod(0o640)
            accounts.give(user, target)
    accounts.give(user, home)
    os.sync()
