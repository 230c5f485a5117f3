"""Which pieces of the cache have to go so that the rest fits. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import IntEnum

from builder.units import GIB


class Worth(IntEnum):
    """What it costs to get a piece again; what costs least goes first."""

    DAMAGED = 0
    """It will never be used again."""
    MADE = 1
    """It can be made again from files that are here."""
    DOWNLOADED = 2
    """It can be fetched again, with network."""
    LOCKED = 3
    """A lock, or what one names: the mirrors may have moved on meanwhile."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Piece:
    """Something in the cache."""

    kind: str
    name: str
    key: str
    size_bytes: int
    made_ns: int
    used_ns: int
    """When it was used last, in nanoseconds since 1970."""
    held: bool
    """Whether somebody uses it now; it is then never removed."""
    worth: Worth


def default_cap(file_system_bytes: int) -> int:
    """How large the cache may grow, in bytes: 20 GiB, but not more than half of what its file system can hold."""
    return min(20 * GIB, file_system_bytes // 2)


def choose_evicted(pieces: Iterable[Piece], *, cap_bytes: int) -> tuple[Piece, ...]:
    """The pieces to remove, in that order, until the others take no more than `cap_bytes`.

    What is worth least goes first, and of that what was not used for the longest time. Of the layers that one run used,
    the last made goes first: it stands on the others.
    """
    present = tuple(pieces)
    excess = sum(piece.size_bytes for piece in present) - cap_bytes
    evicted: list[Piece] = []
    for piece in sorted(present, key=lambda piece: (piece.worth, piece.used_ns, -piece.made_ns, piece.key)):
        # A damaged piece serves nobody, however much room there is.
        if piece.held or (excess <= 0 and piece.worth is not Worth.DAMAGED):
            continue
        evicted.append(piece)
        excess -= piece.size_bytes
    return tuple(evicted)
