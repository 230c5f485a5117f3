"""The seed that a person means: from a text, from a row of a site list, and with single values changed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from seed.document import Seed

from builder.errors import UsageError
from builder.identity.matching import site_for
from builder.identity.seed_file import changed, read_seed
from builder.identity.site_seed import seed_of
from builder.identity.sites import read_sites


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """What a person said about one device."""

    source: Path | None
    """A seed's text to begin with."""
    sites: Path | None
    code: str | None
    row: int | None
    slot: str | None
    serial: str | None
    mac: str | None
    values: Mapping[str, str]
    """Single values, by names such as `facility.name`."""


def seed_for(choice: Choice, *, image: str | None) -> Seed:
    """The seed; `image` is the recipe of the image that it is for, where that is known.

    Raises:
        UsageError: the options do not go together.
        SatchelError: there is no such site, or something that cannot be used.
    """
    seed = changed(_begun(choice, image), choice.values)
    return replace(seed, taken=False)


def _begun(choice: Choice, image: str | None) -> Seed:
    asked = any(value is not None for value in (choice.code, choice.row, choice.slot, choice.serial, choice.mac))
    if choice.source and choice.sites:
        raise UsageError("give --from or --sites, and not both", hint="satchel seed write --help")
    if asked and not choice.sites:
        raise UsageError("a site can be chosen from a list only", hint="name the list: --sites sites.csv")
    if choice.sites:
        if not asked:
            raise UsageError("which site?", hint="give --code, --row, --slot, --serial or --mac")
        known = read_sites(choice.sites)
        site = site_for(known, code=choice.code, row=choice.row, slot=choice.slot, serial=choice.serial, mac=choice.mac)
        # A device that the list does not know chooses safe values for itself.
        return Seed(image=image) if site is None else seed_of(site, image=image, file=choice.sites)
    seed = read_seed(choice.source) if choice.source else None
    if seed and image and seed.image not in {None, image}:
        raise UsageError(
            f"{choice.source} is for the image {seed.image}, and this is {image}; the device would refuse it",
            hint='change the line image = "..." in it, or take that line away',
        )
    return replace(seed, image=seed.image or image) if seed else Seed(image=image)
