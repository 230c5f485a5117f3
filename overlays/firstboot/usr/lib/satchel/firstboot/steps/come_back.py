"""A new system beside the data of an old one: the device becomes who it was, and not somebody else beside that data."""

from __future__ import annotations

from pathlib import Path

from device import accounts, keepsake, kolibri_home, mounts, own_seed
from device.commands import run as run_command
from device.errors import DeviceError
from firstboot.device import Device
from firstboot.journal import Facts


def run(device: Device) -> Facts:
    """Put back what was kept, and let all steps that follow be told what the device was told before."""
    paths = device.paths
    kept = keepsake.load(paths, device.settings)
    if kept is None:
        _require_nobody_s_data(device)
        return {}
    if mounts.mounted_at(mounts.read(paths.mountinfo), "/etc/machine-id"):
        # systemd made an id for this start, in memory, over the file that is to be written.
        run_command(("umount", str(paths.machine_id)), why="make room for the machine id")
    keepsake.restore(paths, kept)
    if device.settings.kolibri:
        _give_home(paths.at(device.settings.kolibri.home), device.settings.kolibri.user)
    own_seed.keep(paths, kept.seed)
    return {"came_back": kept.seed.code or ""}


def _require_nobody_s_data(device: Device) -> None:
    """Data of a device that kept nothing of itself, as older systems did, belongs to somebody whom nobody knows."""
    kolibri = device.settings.kolibri
    if kolibri and (device.paths.at(kolibri.home) / kolibri_home.OWNER_MARK).exists():
        raise DeviceError(
            "the data on this disk belongs to a device that this one cannot become",
            advice="Put its old system back, or flash the whole device anew; that loses the data.",
        )


def _give_home(home: Path, user: str) -> None:
    """Another system may know Kolibri's account by another number."""
    if home.is_dir() and home.stat().st_uid != accounts.ids(user)[0]:
        accounts.give(user, *home.rglob("*"), home)
