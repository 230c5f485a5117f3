"""What is written to one card, in which order: decided before anything is.

The seals come last, each after everything before it is durable: without them nothing on the card starts.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Final

from builder.disk.extents import Extent
from builder.flash.chunk import Chunk
from builder.flash.gpt import ESP, Gpt, moved_to_end, protective, table_in
from builder.flash.keeping import Keeping
from builder.flash.medium import Medium, MediumError
from builder.flash.overlay import Patch
from builder.flash.source.spool import Spool
from builder.units import MIB, SECTOR, align_up, format_size

ENDS: Final = MIB
"""At both ends of a card lie the signatures of its former life."""

_SEAL: Final = 64 * 1024
"""Room for a partition table and boot code, and little enough to be there at once: whoever dies while a seal is written
must not leave a table without what it leads to."""

TAIL: Final = -1
"""The index of the piece at the card's end, which is not of the image."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CardPlan:
    """The plan for one card."""

    pieces: tuple[Chunk, ...]
    """What is written and read back first."""
    seals: tuple[Chunk, ...]
    """What is written last, in this order, and gone as long as anything else is not as it should be."""
    patches: tuple[Patch, ...]
    """The card's own bytes, over those of the image."""
    blank: tuple[Extent, ...] = ()
    """What becomes zeros before anything is written."""
    second_before: tuple[Patch, ...] = ()
    """The second copy of a table that is kept, where it has to be mended before the first may go."""
    second_table: tuple[Patch, ...] = ()
    """The second copy of a table that is kept, as it shall be in the end."""
    whole: bool = True
    """Nothing that lies on the card is needed any more."""


def require_fit(medium: Medium, spool: Spool) -> None:
    """Refuse a card that cannot hold the image.

    Raises:
        MediumError: it is too small, or has other sectors.
    """
    size, needed = medium.size_bytes, spool.size_bytes
    if size < needed:
        reason = f"the card is too small: it has {format_size(size)}, and the image {format_size(needed)}"
        raise MediumError("open", reason)
    if medium.block_bytes > SECTOR:
        reason = f"its sectors have {medium.block_bytes} bytes, and the image is for sectors of {SECTOR}"
        raise MediumError("open", reason)


def plan_whole(medium: Medium, spool: Spool, head: bytes, *, wipe: bool) -> CardPlan:
    """The plan for a card of which nothing is kept.

    Args:
        medium: The card.
        spool: The image.
        head: The beginning of the image, as far as its first chunk goes.
        wipe: Whether everything else becomes zeros, too.
    """
    tail = _tail(medium, spool)
    pieces = (*spool.chunks, tail) if tail else spool.chunks
    start = Extent(0, min(ENDS, medium.size_bytes))
    gaps = _gaps(pieces, start.end, medium) if wipe else ()
    seals = _seals(spool.chunks, table_in(head, at=0, header=1, sector=SECTOR))
    return CardPlan(
        pieces=tuple(_without(pieces, seals)),
        seals=seals,
        patches=moved_to_end(head, card_bytes=medium.size_bytes, sector=SECTOR),
        blank=(start, *gaps),
    )


def _seals(chunks: Sequence[Chunk], table: Gpt | None) -> tuple[Chunk, ...]:
    """Where what starts a computer begins: each EFI system partition, because a firmware may be content with the second
    table, and the disk itself. All lie within the image, so that writing them again can harm nothing that was proved.
    """
    loaders = [entry.extent.start for entry in table.partitions if entry.kind == ESP] if table else []
    starts = [*loaders, 0]
    found = (
        replace(chunk, offset=start, length=min(_SEAL, chunk.end - start))
        for start in starts
        for chunk in chunks
        if chunk.offset <= start < chunk.end
    )
    return tuple(dict.fromkeys(found))


def _without(chunks: Iterable[Chunk], seals: Iterable[Chunk]) -> Iterator[Chunk]:
    """What is left of chunks beside the seals that lie in them."""
    ordered = sorted(seals, key=lambda seal: seal.offset)
    for chunk in chunks:
        start = chunk.offset
        for seal in ordered:
            if seal.index == chunk.index:
                if start < seal.offset:
                    yield replace(chunk, offset=start, length=seal.offset - start)
                start = max(start, seal.end)
        if start < chunk.end:
            yield replace(chunk, offset=start, length=chunk.end - start)


def plan_keeping(medium: Medium, spool: Spool, head: bytes, keeping: Keeping, buffer: memoryview) -> CardPlan:
    """The plan for a device in use, which keeps what is valuable.

    Args:
        medium: The card.
        spool: The image.
        head: The beginning of the image, as far as its first chunk goes.
        keeping: What is kept.
        buffer: Room for an end of the card, aligned for direct access.

    Raises:
        MediumError: the card cannot be read, has no table, or one of another image.
    """
    table, twice = _table_on(medium, buffer)
    wrong = keeping.problems(table)
    if wrong:
        raise MediumError("compare", f"the card does not have the partitions of the image: {'; '.join(wrong)}")
    kept = keeping.untouched(table)
    chunks = [chunk for chunk in spool.chunks if not any(_inside(chunk, extent) for extent in kept)]
    if any(_overlap(chunk, extent) for chunk in chunks for extent in kept):
        raise MediumError("compare", "what is kept and what is replaced lie too close together")
    renewed = keeping.renewed(table)
    seals = _seals(chunks, table)
    return CardPlan(
        pieces=tuple(_without(chunks, seals)),
        seals=seals,
        patches=(*protective(head, table.other), *renewed.patches()),
        second_before=() if twice else table.patches()[-1:],
        second_table=renewed.patches()[-1:],
        whole=False,
    )


def _inside(chunk: Chunk, extent: Extent) -> bool:
    return extent.start <= chunk.offset and chunk.end <= extent.end


def _overlap(chunk: Chunk, extent: Extent) -> bool:
    return chunk.offset < extent.end and extent.start < chunk.end


def _table_on(medium: Medium, buffer: memoryview) -> tuple[Gpt, bool]:
    """The table of a card, by its second copy where a flash was broken off, and whether that copy says the same."""
    size, last = min(ENDS, len(buffer)), medium.size_bytes // SECTOR - 1
    medium.read(0, buffer[:size])
    first = table_in(bytes(buffer[:size]), at=0, header=1, sector=SECTOR)
    start = (last + 1) * SECTOR - size
    medium.read(start, buffer[:size])
    second = table_in(bytes(buffer[:size]), at=start // SECTOR, header=last, sector=SECTOR)
    told = second.as_first() if second else None
    table = first or told
    if table is None:
        raise MediumError("compare", "there is no partition table on the card, so nothing on it can be kept")
    return table, told == table


def _tail(medium: Medium, spool: Spool) -> Chunk | None:
    """The end of the card, as far as the image does not reach into it."""
    size = medium.size_bytes
    start = max(align_up(spool.size_bytes, medium.block_bytes), size - ENDS)
    return Chunk(index=TAIL, offset=start, length=size - start) if start < size else None


def _gaps(pieces: Sequence[Chunk], start: int, medium: Medium) -> Iterator[Extent]:
    """What lies between all that is written; a piece fills its last block."""
    for piece in pieces:
        if piece.offset > start:
            yield Extent(start, piece.offset - start)
        start = max(start, align_up(piece.end, medium.block_bytes))
    if start < medium.size_bytes:
        yield Extent(start, medium.size_bytes - start)
