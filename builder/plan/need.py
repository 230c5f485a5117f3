"""What a build needs of this machine's disks, before it begins. Pure.

`least` is what it surely writes; `most` adds what is estimated from above: packages unpack to about four times their
size, and compressed images of films are no smaller than the films.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

UNPACKED: Final = 4
"""How many times their size packages take at most once they are installed: measured 3 to 4 for those of kolibri-pc."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Amount:
    """Something that is written to a disk, in bytes."""

    what: str
    least: int
    most: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Store:
    """A directory that a build writes to."""

    directory: str
    device: int
    """The number of its file system; directories with the same one share its room."""
    free_bytes: int
    amounts: tuple[Amount, ...]

    @property
    def least(self) -> int:
        """Bytes that are surely written."""
        return sum(amount.least for amount in self.amounts)

    @property
    def most(self) -> int:
        """Bytes that may be written."""
        return sum(amount.most for amount in self.amounts)


@dataclass(frozen=True, slots=True, kw_only=True)
class DiskNeed:
    """All that is written to one file system."""

    stores: tuple[Store, ...]

    @property
    def least(self) -> int:
        """Bytes that are surely written."""
        return sum(store.least for store in self.stores)

    @property
    def most(self) -> int:
        """Bytes that may be written."""
        return sum(store.most for store in self.stores)

    @property
    def free_bytes(self) -> int:
        """Bytes that are free there."""
        return min(store.free_bytes for store in self.stores)

    @property
    def over_bytes(self) -> int:
        """Bytes that surely lack."""
        return max(0, self.least - self.free_bytes)


def disks(stores: Iterable[Store]) -> tuple[DiskNeed, ...]:
    """The needs by file system, in the order of the directories."""
    return tuple(_disks(tuple(stores)))


def _disks(stores: tuple[Store, ...]) -> Iterator[DiskNeed]:
    for device in dict.fromkeys(store.device for store in stores):
        yield DiskNeed(stores=tuple(store for store in stores if store.device == device))
