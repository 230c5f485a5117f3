"""The Kolibri facility, born before anybody can reach Kolibri: an unprovisioned server lets anyone become its owner.

Kolibri's own database decides what is done; its exit status does not (see `device.kolibri_db`). Traps found by running
Kolibri 0.19.5, for which the order below is the cure: a kill inside the provisioning transaction leaves "already
provisioned" in `process_cache`, so the cache goes before each attempt; a device that is provisioned ignores the
provisioning file and keeps it, password included, so the file lies in memory and is deleted in every case.
"""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from device import accounts, environment, files, kolibri_db, kolibri_home, mounts, own_seed
from device.commands import run as run_command
from device.errors import DeviceError
from device.settings import Facility, Kolibri
from firstboot import sealed_home
from firstboot.device import Device
from firstboot.journal import Facts
from seed import born

_CONTENT_MARK = ".satchel-content.json"
_PRESETS = ("formal", "nonformal", "informal")
_ADMIN = re.compile(r"[A-Za-z0-9_]{1,30}")
_LANGUAGE = re.compile(r"[a-z]{2,3}(-[a-z0-9]{2,4})?")
_DEVICE_NAME_LENGTH = 50
_FACILITY_NAME_LENGTH = 100
_CLOSED = "Kolibri stays closed. Send the facility code and this text to your support."


def run(device: Device) -> Facts:
    """Make the facility and its administrator unless the database shows them."""
    facility, kolibri = own_seed.facility(device.paths, device.settings), device.settings.kolibri
    seed = own_seed.wanted(device.paths)
    if facility is None or kolibri is None:
        return {}
    provision_directory = device.paths.at("/run/satchel-provision")
    # An earlier try may have been killed after Kolibri's commit; then nothing below would clean up behind it.
    shutil.rmtree(provision_directory, ignore_errors=True)
    _require_disk(device, kolibri)
    home = device.paths.at(kolibri.home)
    name = facility.name.replace("{code}", device.facts["code"])
    _require_sense(facility, name)
    if kolibri_home.damage(home):
        sealed_home.restore(home, device.paths.at(sealed_home.DIRECTORY), kolibri.user)
    state = kolibri_db.provisioning(home)
    if state.untouched and seed.born:
        kolibri_db.plant(home, born.unpack(seed.born))
    elif state.untouched:
        with _provision_file(provision_directory, _wanted(device, facility, name), kolibri.user) as file:
            set_up(device, kolibri, KOLIBRI_AUTOMATIC_PROVISION_FILE=str(file))
    state = kolibri_db.provisioning(home)
    if state.complete(facility.admin) and state.instance_id is None:
        # Born elsewhere, as far as it can be: the ids of database and instance are made here, by Kolibri.
        set_up(device, kolibri)
        state = kolibri_db.provisioning(home)
    came_back = bool(device.facts.get("came_back"))
    if not (state.in_use if came_back else state.complete(facility.admin)):
        raise DeviceError(
            f"Kolibri is not properly provisioned: {len(state.facilities)} facilities, "
            f"super admins: {', '.join(state.superusers) or 'none'}, provisioned: {state.provisioned}",
            advice=_CLOSED,
        )
    if seed.facility.location:
        kolibri_db.set_location(home, seed.facility.location)
    files.write(home / kolibri_home.OWNER_MARK, "")
    own = kolibri_db.own_facility(home) if came_back else state.facilities[0]
    return {**facts_of(home, state, own), "admin": facility.admin}


def facts_of(home: Path, state: kolibri_db.Provisioning, facility: tuple[str, str, str]) -> Facts:
    """What later steps and the report are told about a facility: id, dataset id and name, and Kolibri's own ids."""
    facility_id, dataset_id, name = facility
    return {
        "facility_id": facility_id,
        "dataset_id": dataset_id,
        "facility_name": name,
        "instance_id": state.instance_id or "",
        "database_id": state.database_id or "",
        "kolibri_version": files.read(home / ".data_version") or "",
    }


def _require_disk(device: Device, kolibri: Kolibri) -> None:
    """All partitions must be there: Kolibri itself starts happily without its content."""
    table = mounts.read(device.paths.mountinfo)
    mounts.require(table, device.settings.mounts)
    place = mounts.holding(table, kolibri.home)
    if place is None or "rw" not in place.options:
        raise DeviceError(f"{kolibri.home} cannot be written", advice="The disk may be damaged. Use another one.")
    content = mounts.holding(table, kolibri.content)
    if content is None or not (device.paths.at(content.point) / _CONTENT_MARK).is_file():
        raise DeviceError("the partition with the content is missing or empty", advice="Flash the device again.")


def _require_sense(facility: Facility, name: str) -> None:
    """Refuse what Kolibri would accept with exit status 0 and without a user who could log in."""
    wrong = [
        *([] if 0 < len(name) <= _FACILITY_NAME_LENGTH and name == name.strip() else [f"facility name {name!r}"]),
        *([] if facility.preset in _PRESETS else [f"preset {facility.preset!r}"]),
        *([] if _ADMIN.fullmatch(facility.admin) else [f"admin user name {facility.admin!r}"]),
        *([] if _LANGUAGE.fullmatch(facility.language) else [f"language {facility.language!r}"]),
    ]
    if wrong:
        raise DeviceError(f"Kolibri cannot use this: {', '.join(wrong)}", advice="Correct the recipe and flash again.")


def _wanted(device: Device, facility: Facility, name: str) -> str:
    """The provisioning file (schema: `provision_from_file` in Kolibri's core/device/utils.py)."""
    wanted = {
        "facility_name": name,
        "preset": facility.preset,
        "facility_settings": {},
        "device_settings": {"language_id": facility.language, "name": device.facts["hostname"][:_DEVICE_NAME_LENGTH]},
        "superuser": {"username": facility.admin, "password": files.read(device.paths.admin_password)},
    }
    return json.dumps(wanted)


def set_up(device: Device, kolibri: Kolibri, **variables: str) -> None:
    """Let Kolibri prepare its home, and provision itself if a variable says so."""
    run_kolibri(device, kolibri, ("configure", "setup"), why="Kolibri could not be set up", **variables)


def run_kolibri(
    device: Device, kolibri: Kolibri, arguments: tuple[str, ...], *, why: str, timeout: float = 1200, **variables: str
) -> str:
    """Run a command of Kolibri in the very environment that its service will have.

    Raises:
        DeviceError: it failed.
    """
    home = device.paths.at(kolibri.home)
    shutil.rmtree(home / "process_cache", ignore_errors=True)
    env = {"HOME": str(home), "PYTHONDONTWRITEBYTECODE": "1", **variables}
    for source in device.paths.kolibri_environment:
        env |= environment.parse(files.read(source) or "")
    argv = (str(device.paths.at(kolibri.venv) / "bin/kolibri"), *arguments)
    return run_command(argv, why=why, advice=_CLOSED, env=env, user=kolibri.user, timeout=timeout)


@contextmanager
def _provision_file(directory: Path, text: str, user: str) -> Iterator[Path]:
    """The provisioning file, in memory, in a directory that is its reader's own: Kolibri deletes the file itself."""
    directory.mkdir(mode=0o700)
    try:
        file = directory / "provision.json"
        files.write(file, text, mode=0o600)
        accounts.give(user, file, directory)
        yield file
    finally:
        shutil.rmtree(directory)
