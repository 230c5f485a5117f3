"""What cards really hold: their sizes as they are sold, and the fewest sectors that one of that name has. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from builder.units import SECTOR


@dataclass(frozen=True, slots=True, kw_only=True)
class CardClass:
    """Cards, sticks and small disks that are sold under one size."""

    name: str
    """What is printed on them."""
    sectors: int
    """Sectors of 512 bytes that each of them may be expected to have."""

    @property
    def size_bytes(self) -> int:
        """Bytes that an image for them may have."""
        return self.sectors * SECTOR


CARDS: Final = (
    CardClass(name="8 GB", sectors=14_062_500),
    CardClass(name="16 GB", sectors=29_687_500),
    CardClass(name="32 GB", sectors=59_375_000),
    CardClass(name="64 GB", sectors=118_750_000),
    CardClass(name="128 GB", sectors=237_500_000),
)
"""The classes, the smallest first.

Nobody publishes the sizes of cards, so these come from what people saw: listings by fdisk of real cards, sticks and
eMMC chips in public repositories. The smallest of each class there had, in sectors:

    8 GB      15,118,440  a stick; 14,876,672 an eMMC chip
    16 GB     30,031,250  sticks of one maker, in several listings
    32 GB     60,062,500  the same maker
    64 GB    120,164,352  another maker
    128 GB   240,254,976  the other maker again

From 16 GB on that is 96 % of what is printed on them, whoever made them. Listings are no proof that nothing smaller is
sold, so we count on 95 %; of 8 GB, where old and odd products are most common, on 90 %, the default of `disk.card`.
offspot takes 99 % (kiwix-hotspot issue 52), which none of these devices has.
"""
