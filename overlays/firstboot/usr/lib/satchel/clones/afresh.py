"""Start afresh: Kolibri's home is kept aside with everything in it, and the whole first boot runs again."""

from __future__ import annotations

from pathlib import Path

from clones import change, own
from clones.change import Change
from device import accounts, files, keepsake
from device.settings import Kolibri
from firstboot.device import Device
from firstboot.journal import Journal


def run(device: Device, wanted: Change) -> None:
    """Do all of it. First boot must run afterwards, and mends the empty home with the sealed one of the image."""
    paths, kolibri = device.paths, device.settings.kolibri
    aside = ""
    if kolibri is not None:
        target = kept_home(paths.at(kolibri.home), wanted)
        aside = str(target.relative_to(paths.root))
        _set_aside(paths.at(kolibri.home), target, kolibri)
    # It would come back as who it was.
    keepsake.forget(paths, device.settings)
    own.forget(paths, machine_id=wanted.machine_id)
    for path in (paths.identity, paths.admin_password, paths.admin_seen):
        path.unlink(missing_ok=True)
    for mark in sorted(paths.journal.glob("*.json")):
        Journal(paths.journal).forget(mark.stem)
    change.finish(paths, wanted, "started-afresh", home=aside)


def kept_home(home: Path, wanted: Change) -> Path:
    """Where the old home goes: beside the new one, with the code of who the device was."""
    return home.with_name(f"{home.name}.{wanted.formerly.get('code', wanted.id)}")


def _set_aside(home: Path, target: Path, kolibri: Kolibri) -> None:
    """Rename the home in one act, and make an empty one that Kolibri may write."""
    if not target.exists():
        home.rename(target)
        files.sync_directory(home.parent)
    home.mkdir(exist_ok=True)
    home.chmod(target.stat().st_mode & 0o7777)
    accounts.give(kolibri.user, home)
