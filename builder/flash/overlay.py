"""What differs from card to card, laid over the shared bytes of the image as they pass by. Pure.

No card gets a copy of the image: the few bytes that are its own are put into the buffer on its way.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Patch:
    """Other bytes from `offset` of the card on."""

    offset: int
    data: bytes

    @property
    def end(self) -> int:
        """The first byte behind it."""
        return self.offset + len(self.data)


def touches(patches: tuple[Patch, ...], offset: int, length: int) -> bool:
    """Whether any patch lies within a piece of the card."""
    return any(patch.offset < offset + length and offset < patch.end for patch in patches)


def lay_over(patches: tuple[Patch, ...], offset: int, buffer: memoryview) -> bool:
    """Put the parts of patches that lie within a buffer, which begins at `offset`, into it; whether there were any."""
    end, touched = offset + len(buffer), False
    for patch in patches:
        first, last = max(patch.offset, offset), min(patch.end, end)
        if first < last:
            buffer[first - offset : last - offset] = patch.data[first - patch.offset : last - patch.offset]
            touched = True
    return touched
