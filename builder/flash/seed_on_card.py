"""The seed that lies on a card which was flashed before."""

from __future__ import annotations

import mmap
from dataclasses import dataclass
from typing import TYPE_CHECKING

from builder.disk.extents import Extent
from builder.errors import SitesError
from builder.flash.medium import Medium
from builder.flash.overlay import Patch
from builder.identity.seed_file import seed_in
from builder.units import align_up

if TYPE_CHECKING:
    # Found by way of `builder.identity`.
    from seed.document import Seed


@dataclass(frozen=True, slots=True, kw_only=True)
class SeedOnCard:
    """The seed that lies on a card."""

    seed: Seed
    patch: Patch
    """Its bytes, with everything else in their place."""


def seed_on(medium: Medium, place: Extent) -> SeedOnCard | None:
    """The seed that lies on a card; none where there is something else."""
    if place.end > medium.size_bytes:
        return None
    start = place.start - place.start % medium.block_bytes
    buffer = memoryview(mmap.mmap(-1, align_up(place.end - start, mmap.PAGESIZE)))
    medium.read(start, buffer[: align_up(place.end - start, medium.block_bytes)])
    data = bytes(buffer[place.start - start : place.end - start])
    try:
        seed = seed_in(data, source="the card")
    except SitesError:
        return None
    return SeedOnCard(seed=seed, patch=Patch(offset=place.start, data=data)) if seed else None
