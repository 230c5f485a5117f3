"""How fast a card is beside the others of its batch: a slow one is worn, a fake, or in a bad reader. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from statistics import median
from typing import Final

SLOW: Final = 0.5
"""A card below this share of what is usual is called slow: cards of one kind differ by far less."""
_FEWEST: Final = 2
"""Fewer others say nothing about what is usual."""


def pace_of(name: str, rates: Mapping[str, float | None]) -> float | None:
    """The share that a card reaches of the middle rate of all others; none where that cannot be told.

    Args:
        name: The card.
        rates: Bytes per second for each card, none where there is none yet.
    """
    own = rates.get(name)
    others = [rate for each, rate in rates.items() if rate and each != name]
    return own / median(others) if own and len(others) >= _FEWEST else None
