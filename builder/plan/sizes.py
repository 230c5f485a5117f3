"""The plan of sizes: every partition, the image, and what is left of a card. Pure.

What goes into a partition may be known before anything is downloaded; what is not known counts as nothing, and a
partition that depends on it is called `uncertain`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from builder.plan.cards import CARDS, CardClass
from builder.plan.layout import image_size, partition_size
from builder.recipe.disk import Disk, Partition


@dataclass(frozen=True, slots=True, kw_only=True)
class SizedPartition:
    """A partition, sizes in bytes."""

    name: str
    size_bytes: int
    room_bytes: int
    """What its content may need: a fixed size as the recipe gives it, before it is rounded up."""
    needed_bytes: int | None
    """What the content in it needs; None where nobody knows before it is made."""
    fits_content: bool
    """Whether its size follows from what goes into it."""
    grow: bool

    @property
    def uncertain(self) -> bool:
        """Whether it may become larger than said here."""
        return self.fits_content and self.needed_bytes is None

    @property
    def over_bytes(self) -> int:
        """Bytes that do not fit into it."""
        return max(0, (self.needed_bytes or 0) - self.room_bytes)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sizes:
    """A whole disk, sizes in bytes."""

    partitions: tuple[SizedPartition, ...]
    image_bytes: int
    card_bytes: int
    """The smallest card that the recipe wants its image to fit on."""

    @property
    def over_bytes(self) -> int:
        """Bytes of the image that do not fit onto that card."""
        return max(0, self.image_bytes - self.card_bytes)

    def left_on(self, card: CardClass) -> int:
        """Bytes that the image leaves of a card; negative when it does not fit."""
        return card.size_bytes - self.image_bytes

    def smallest_card(self) -> CardClass | None:
        """The smallest class of cards that the image fits on."""
        return next((card for card in CARDS if self.left_on(card) >= 0), None)

    def partition(self, name: str) -> SizedPartition:
        """The partition of that name, which must exist."""
        return next(partition for partition in self.partitions if partition.name == name)


def sizes_of(disk: Disk, needed: Mapping[str, int]) -> Sizes:
    """The sizes of a disk; `needed` says what the content of partitions needs, by name, as far as it is known."""
    partitions = tuple(_sized(partition, needed.get(partition.name)) for partition in disk.partitions)
    return Sizes(
        partitions=partitions,
        image_bytes=image_size(partition.size_bytes for partition in partitions),
        card_bytes=disk.card,
    )


def _sized(partition: Partition, needed: int | None) -> SizedPartition:
    size = partition_size(partition, needed or 0)
    return SizedPartition(
        name=partition.name,
        size_bytes=size,
        room_bytes=size if partition.size == "fit" else partition.size,
        needed_bytes=needed,
        fits_content=partition.size == "fit",
        grow=partition.grow,
    )
