"""The seed: looked for, understood as a whole, and taken over; every later step uses the device's own copy only."""

from __future__ import annotations

import re
from collections.abc import Iterator

from device import files, own_seed
from firstboot import seed_place
from firstboot.device import Device
from firstboot.journal import Facts
from seed import born
from seed.document import Problem, Seed, SeedError

_NONE, _TAKEN_BEFORE = "none", "taken before"


def run(device: Device) -> Facts:
    """Take the seed of the card, else of a seed disk. Without one, the device chooses for itself."""
    if own_seed.load(device.paths) is not None:
        # The power went out between the copy and this step's mark; where the copy came from makes no difference now.
        return {"seed": seed_place.CARD}
    taken_before = False
    for look in (seed_place.read_card, seed_place.read_disk):
        found = look(device)
        if found is None:
            continue
        try:
            seed = found.seed()
        except SeedError as error:
            raise found.refusal(error.problems) from error
        if seed is None:
            continue
        if seed.taken:
            # Its code belongs to another device, or to an earlier life of this one.
            taken_before = True
            continue
        if problems := tuple(_problems(device, seed)):
            raise found.refusal(problems)
        own_seed.keep(device.paths, seed)
        return {"seed": found.source}
    return {"seed": _TAKEN_BEFORE if taken_before else _NONE}


def _problems(device: Device, seed: Seed) -> Iterator[Problem]:
    """What only this device can know to be wrong."""
    settings = device.settings

    def problem(message: str) -> Problem:
        return Problem(line=0, message=message)

    if seed.image is not None and seed.image != settings.recipe:
        yield problem(f"it is for the image {seed.image}, and this is {settings.recipe}")
    zones = device.paths.at("/usr/share/zoneinfo")
    if seed.timezone and not (zones / seed.timezone).is_file():
        yield problem(f"site.timezone: this device knows no time zone {seed.timezone}")
    known = {secret.name for secret in settings.secrets}
    for name in sorted(seed.shared.keys() - known):
        yield problem(f"secrets.{name}: this device has no such secret")
    if seed.born:
        yield from map(problem, _problems_of_born(device, seed, seed.born))


def _problems_of_born(device: Device, seed: Seed, packed: str) -> Iterator[str]:
    kolibri, facility = device.settings.kolibri, device.settings.facility
    if kolibri is None or facility is None:
        yield "secrets.born: this device has no Kolibri"
        return
    try:
        child = born.unpack(packed)
    except ValueError as error:
        yield f"secrets.born: {error}"
        return
    version = files.read(device.paths.at(kolibri.home) / ".data_version")
    # A damaged home is mended, or refused, by the step that needs it.
    if version and re.fullmatch(r"[0-9][0-9A-Za-z.]*", version) and version != child.kolibri:
        yield f"secrets.born: it was made by Kolibri {child.kolibri}, and this device has {version}"
    if child.admin != (seed.facility.admin or facility.admin):
        yield f"secrets.born: its administrator is {child.admin}"
    if seed.admin_password is None or not child.opens_with(seed.admin_password):
        yield "secrets.born: secrets.admin_password does not open it"
