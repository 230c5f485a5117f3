"""A treemap: areas in proportion to sizes, as near to squares as can be. Pure.

The algorithm is that of Bruls, Huizing and van Wijk, "Squarified Treemaps" (2000): rows are filled along the shorter
side for as long as that makes their worst shape better.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from builder.report.facts import Share
from builder.units import format_size

HEADER: Final = 22
"""Height of the strip that names a group."""

_GAP: Final = 2
_SMALLEST: Final = 250.0
"""What gets less area than this, in square units, is drawn together with its small neighbours."""

_CHARACTER: Final = 6.6
"""Width of a character of the labels; a little generous, because nobody knows the reader's fonts."""
_MARGINS: Final = 11
_LINE: Final = 15


@dataclass(frozen=True, slots=True, kw_only=True)
class Box:
    """A rectangle."""

    x: float
    y: float
    width: float
    height: float

    @property
    def area(self) -> float:
        """Square units."""
        return self.width * self.height

    def shrunk(self, *, by: float, top: float = 0) -> Box:
        """The inner part; never less than nothing."""
        height = max(0.0, self.height - 2 * by - top)
        return Box(x=self.x + by, y=self.y + by + top, width=max(0.0, self.width - 2 * by), height=height)


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """One thing in a group."""

    box: Box
    name: str
    size_bytes: int
    label: str
    """As much of the name as there is room for; empty when nothing fits."""
    sized: bool
    """Whether there is room for the size below the label."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """A layer with what it brings."""

    box: Box
    name: str
    size_bytes: int
    label: str
    """Empty when there is no strip for it."""
    cells: tuple[Cell, ...]


def squarified(sizes: Sequence[float], box: Box) -> Iterator[Box]:
    """A box for each size, which are positive and the largest first; together they fill `box`."""
    total = sum(sizes)
    rest, position = box, 0
    scale = box.area / total if total else 0
    while position < len(sizes):
        side = min(rest.width, rest.height)
        end = position + 1
        while end < len(sizes) and _worst(sizes[position : end + 1], scale, side) <= _worst(
            sizes[position:end], scale, side
        ):
            end += 1
        row = sizes[position:end]
        yield from _row(row, sum(row) * scale / side if side else 0, rest)
        rest = _without(rest, sum(row) * scale / side if side else 0)
        position = end


def _worst(row: Sequence[float], scale: float, side: float) -> float:
    """The worst proportion of width to height in a row of that length."""
    area = sum(row) * scale
    if not area or not side:
        return 0
    return max(side**2 * max(row) * scale / area**2, area**2 / (side**2 * min(row) * scale))


def _row(row: Sequence[float], depth: float, rest: Box) -> Iterator[Box]:
    total, done = sum(row), 0.0
    for size in row:
        share = size / total
        if rest.width >= rest.height:
            yield Box(x=rest.x, y=rest.y + done * rest.height, width=depth, height=share * rest.height)
        else:
            yield Box(x=rest.x + done * rest.width, y=rest.y, width=share * rest.width, height=depth)
        done += share


def _without(rest: Box, depth: float) -> Box:
    if rest.width >= rest.height:
        return Box(x=rest.x + depth, y=rest.y, width=max(0.0, rest.width - depth), height=rest.height)
    return Box(x=rest.x, y=rest.y + depth, width=rest.width, height=max(0.0, rest.height - depth))


def treemap(shares: Sequence[Share], *, width: float, height: float) -> tuple[Group, ...]:
    """The groups, the largest first; a layer too small to be seen is drawn with the other small ones."""
    members: dict[str, list[tuple[str, int]]] = {}
    for share in shares:
        if share.size_bytes:
            members.setdefault(share.layer, []).append((share.name, share.size_bytes))
    total = sum(size for things in members.values() for _, size in things)
    visible = 4 * _SMALLEST * total / (width * height)
    small = {layer: _sum(things) for layer, things in members.items() if _sum(things) < visible}
    groups = {layer: things for layer, things in members.items() if layer not in small}
    if small:
        groups["small layers"] = sorted(small.items(), key=lambda layer: -layer[1])
    ordered = sorted(groups.items(), key=lambda group: -_sum(group[1]))
    boxes = squarified([_sum(things) for _, things in ordered], Box(x=0, y=0, width=width, height=height))
    return tuple(_group(name, things, box) for (name, things), box in zip(ordered, boxes, strict=True))


def _sum(things: Sequence[tuple[str, int]]) -> int:
    return sum(size for _, size in things)


def _group(name: str, things: Sequence[tuple[str, int]], box: Box) -> Group:
    outer = box.shrunk(by=_GAP)
    size = _sum(things)
    caption = f"{name} · {format_size(size)}"
    label = caption if _fits(caption, outer.width) else _shortened(name, outer.width)
    strip = HEADER if label and outer.height > 2 * HEADER else 0
    inner = outer.shrunk(by=_GAP, top=max(0, strip - _GAP))
    return Group(
        box=outer, name=name, size_bytes=size, label=label if strip else "", cells=tuple(_cells(things, inner))
    )


def _cells(things: Sequence[tuple[str, int]], box: Box) -> Iterator[Cell]:
    visible = _SMALLEST * _sum(things) / max(1.0, box.area)
    ordered = sorted(things, key=lambda thing: -thing[1])
    small = [thing for thing in ordered if thing[1] < visible]
    if len(small) > 1:
        ordered = [thing for thing in ordered if thing[1] >= visible]
        ordered.append((f"{len(small)} smaller", _sum(small)))
        ordered.sort(key=lambda thing: -thing[1])
    for (name, size), place in zip(ordered, squarified([size for _, size in ordered], box), strict=True):
        inner = place.shrunk(by=_GAP / 4)
        label = _shortened(name, inner.width) if inner.height >= _LINE else ""
        sized = bool(label) and inner.height >= 2 * _LINE and _fits(format_size(size), inner.width)
        yield Cell(box=inner, name=name, size_bytes=size, label=label, sized=sized)


def _fits(text: str, width: float) -> bool:
    return len(text) * _CHARACTER + _MARGINS <= width


def _shortened(text: str, width: float) -> str:
    """As much of a text as fits, of a path its end; nothing when that would say nothing."""
    candidates = [text]
    if text.startswith("/"):
        parts = text.split("/")
        candidates += [f"…/{'/'.join(parts[start:])}" for start in range(2, len(parts))]
    for candidate in candidates:
        if _fits(candidate, width):
            return candidate
    room = int((width - _MARGINS) / _CHARACTER) - 1
    return f"{text.rpartition('/')[2][:room].rstrip(' -.')}…" if room >= 4 else ""
