"""Which bytes of two windows differ. Holes are not read."""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Callable, Iterator, Sequence
from itertools import chain
from typing import Final

from builder.compare.anatomy import Window
from builder.disk.extents import Extent, in_blocks
from builder.units import KIB, MIB

_BLOCK: Final = 4 * KIB
_CHUNK: Final = MIB
_RUN: Final = re.compile(rb"[^\0](?:\0{0,3}[^\0])*", re.DOTALL)
"""Bytes that differ, with at most three equal ones between them."""


def differing(mine: Window, theirs: Window, *, advance: Callable[[int], None]) -> tuple[Extent, ...]:
    """The ranges that differ, as far as both windows reach; each begins and ends with a byte that differs."""
    merged: list[Extent] = []
    for extent in _differing(mine, theirs, advance):
        if merged and merged[-1].end == extent.start:
            merged[-1] = Extent(merged[-1].start, extent.end - merged[-1].start)
        else:
            merged.append(extent)
    return tuple(merged)


def data_bytes(mine: Window, theirs: Window) -> int:
    """How much a comparison reads of each of them."""
    return sum(extent.length for extent in _to_read(mine, theirs))


def touched(ranges: Sequence[Extent], start: int, length: int) -> bool:
    """Whether any of the ranges, which are in order, has a byte of these."""
    index = bisect_left(ranges, Extent(start, 0))
    return (index < len(ranges) and ranges[index].start < start + length) or (
        index > 0 and ranges[index - 1].end > start
    )


def _to_read(mine: Window, theirs: Window) -> Iterator[Extent]:
    length = min(mine.length, theirs.length)
    for extent in in_blocks(chain(mine.data(), theirs.data()), block=_BLOCK):
        if extent.start < length:
            yield Extent(extent.start, min(extent.end, length) - extent.start)


def _differing(mine: Window, theirs: Window, advance: Callable[[int], None]) -> Iterator[Extent]:
    for extent in _to_read(mine, theirs):
        for at in range(extent.start, extent.end, _CHUNK):
            count = min(_CHUNK, extent.end - at)
            ours, others = mine.read(at, count), theirs.read(at, count)
            advance(count)
            if ours != others:
                differences = (int.from_bytes(ours, "big") ^ int.from_bytes(others, "big")).to_bytes(count, "big")
                for run in _RUN.finditer(differences):
                    yield Extent(at + run.start(), run.end() - run.start())
