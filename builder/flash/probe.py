"""A quick look whether a card is what it says: marks at a few places, read back in another order.

A card that is smaller than it says either forgets what is written beyond its end, or puts it somewhere else, over an
earlier mark. A card that writes nothing may still hold the very image that is being flashed; a mark that nobody can
know beforehand finds that, too. It takes about a second, finds what sellers do, and proves no single block: that is
what reading everything back is for (and `satchel media-test`, for the rest of the card).
"""

from __future__ import annotations

import secrets
from collections.abc import Callable
from random import Random
from typing import Final

from builder.flash.compare import equal
from builder.flash.medium import Medium, MediumError
from builder.units import MIB

MARK: Final = 4096
_FEWEST: Final = 8


def places(size_bytes: int, random: Random) -> tuple[int, ...]:
    """Where marks go: eight to fifteen over the whole card, and one in its very last MiB. Pure but for `random`.

    Their distance is a power of two, as is the real size of flash chips: on a card that begins again at its start, they
    lie on top of each other.
    """
    stride = max(MARK, 1 << (size_bytes // _FEWEST).bit_length() - 1)
    end = size_bytes - size_bytes % MARK
    start = MARK * random.randrange(max(1, min(stride, MIB) // MARK))
    found = [*range(start, end, stride), end - MARK * random.randrange(1, max(2, min(MIB, end) // MARK))]
    return tuple(dict.fromkeys(found))


def probe(medium: Medium, buffer: memoryview, beat: Callable[[], None]) -> None:
    """Write marks, make them durable, and read them back in another order.

    Args:
        medium: A card whose content is not needed any more.
        buffer: At least twice the size of a mark, aligned for direct access.
        beat: Called after each operation.

    Raises:
        MediumError: a mark is not there, or the card failed.
    """
    random = Random(secrets.token_bytes(16))
    ours, theirs = buffer[:MARK], buffer[MARK : 2 * MARK]
    marks = {place: secrets.token_bytes(MARK) for place in places(medium.size_bytes, random)}
    for place, mark in marks.items():
        ours[:] = mark
        medium.write(place, ours)
        beat()
    medium.flush()
    for place in random.sample(sorted(marks), len(marks)):
        ours[:] = marks[place]
        medium.read(place, theirs)
        beat()
        if not equal(ours, theirs):
            raise MediumError(
                "probe",
                "the card does not return what was written: it is worn out, or smaller than it says",
                offset=place,
            )
