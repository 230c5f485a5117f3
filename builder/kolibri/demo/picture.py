"""A very small painter: flat shapes with soft edges, written as PNG and as raw pixels for PDF.

Nothing is compressed: another version of zlib would give other bytes, and the channel must be the same everywhere.
Shapes use only exact arithmetic and square roots for the same reason.
"""

from __future__ import annotations

import math
import struct
import zlib
from dataclasses import dataclass
from typing import Final

WIDTH: Final = 400
HEIGHT: Final = 225
"""Size in the units that scenes use, and in pixels of the picture: 16:9, as Kolibri shows thumbnails."""

_FINE = 2
"""Each pixel is the mean of this many by this many fine ones."""

COLOURS: Final = {
    "sky": (202, 232, 247),
    "blue": (41, 121, 183),
    "deep": (22, 76, 128),
    "white": (255, 255, 255),
    "sun": (250, 189, 47),
    "orange": (238, 129, 38),
    "red": (200, 60, 52),
    "green": (74, 150, 72),
    "leaf": (44, 110, 60),
    "grass": (160, 200, 110),
    "soil": (133, 90, 58),
    "sand": (240, 223, 186),
    "skin": (168, 112, 74),
    "grey": (150, 158, 166),
    "ink": (38, 50, 56),
    "cream": (255, 248, 230),
}
_INDEX = {name: number for number, name in enumerate(COLOURS)}
_RGB = tuple(COLOURS.values())

Point = tuple[float, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    """Pixels of one byte, a palette of RGB bytes, and their size."""

    width: int
    height: int
    palette: bytes
    pixels: bytes

    def png(self) -> bytes:
        """The picture as a PNG file."""
        rows = b"".join(
            b"\0" + self.pixels[start : start + self.width] for start in range(0, len(self.pixels), self.width)
        )
        header = struct.pack(">IIBBBBB", self.width, self.height, 8, 3, 0, 0, 0)
        chunks = ((b"IHDR", header), (b"PLTE", self.palette), (b"IDAT", _stored(rows)), (b"IEND", b""))
        return b"\x89PNG\r\n\x1a\n" + b"".join(_chunk(kind, body) for kind, body in chunks)


def _chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def _stored(data: bytes) -> bytes:
    """A zlib stream (RFC 1950) of stored blocks (RFC 1951, 3.2.4), which has only one possible form."""
    blocks = [b"\x78\x01"]
    for start in range(0, len(data), 0xFFFF):
        block = data[start : start + 0xFFFF]
        last = start + len(block) == len(data)
        blocks.append(struct.pack("<BHH", last, len(block), len(block) ^ 0xFFFF) + block)
    return b"".join(blocks) + struct.pack(">I", zlib.adler32(data))


class Canvas:
    """Paint with it in units of WIDTH x HEIGHT; later shapes cover earlier ones."""

    def __init__(self, background: str) -> None:
        self._width, self._height = WIDTH * _FINE, HEIGHT * _FINE
        self._fine = bytearray([_INDEX[background]]) * (self._width * self._height)

    def _span(self, row: int, left: float, right: float, colour: str) -> None:
        start, end = max(0, math.ceil(left - 0.5)), min(self._width, math.ceil(right - 0.5))
        if 0 <= row < self._height and start < end:
            base = row * self._width
            self._fine[base + start : base + end] = bytes([_INDEX[colour]]) * (end - start)

    def rect(self, x: float, y: float, width: float, height: float, colour: str) -> None:
        """A rectangle from its upper left corner."""
        self.polygon(((x, y), (x + width, y), (x + width, y + height), (x, y + height)), colour)

    def disc(self, x: float, y: float, radius: float, colour: str, *, squash: float = 1) -> None:
        """A disc around its middle; `squash` below 1 makes it a lying ellipse."""
        high = radius * squash
        for row in range(math.floor((y - high) * _FINE), math.ceil((y + high) * _FINE)):
            offset = ((row + 0.5) / _FINE - y) / high
            if abs(offset) < 1:
                half = radius * math.sqrt(1 - offset * offset)
                self._span(row, (x - half) * _FINE, (x + half) * _FINE, colour)

    def polygon(self, points: tuple[Point, ...], colour: str) -> None:
        """A filled polygon."""
        heights = [y for _, y in points]
        for row in range(math.floor(min(heights) * _FINE), math.ceil(max(heights) * _FINE)):
            level = (row + 0.5) / _FINE
            crossings = []
            for (x1, y1), (x2, y2) in zip(points, points[1:] + points[:1], strict=True):
                if (y1 <= level) != (y2 <= level):
                    crossings.append(x1 + (level - y1) * (x2 - x1) / (y2 - y1))
            crossings.sort()
            for left, right in zip(crossings[::2], crossings[1::2], strict=True):
                self._span(row, left * _FINE, right * _FINE, colour)

    def line(self, start: Point, end: Point, width: float, colour: str) -> None:
        """A straight line with round ends."""
        dx, dy = end[0] - start[0], end[1] - start[1]
        scale = width / 2 / math.sqrt(dx * dx + dy * dy)
        nx, ny = -dy * scale, dx * scale
        (x1, y1), (x2, y2) = start, end
        self.polygon(((x1 + nx, y1 + ny), (x2 + nx, y2 + ny), (x2 - nx, y2 - ny), (x1 - nx, y1 - ny)), colour)
        for x, y in (start, end):
            self.disc(x, y, width / 2, colour)

    def picture(self, *, shrink: int = 1) -> Picture:
        """What was painted, `shrink` times smaller than WIDTH x HEIGHT."""
        step = _FINE * shrink
        palette: dict[tuple[int, ...], int] = {}
        pixels = bytearray()
        blended: dict[bytes, int] = {}
        for top in range(0, self._height - step + 1, step):
            rows = [self._fine[(top + dy) * self._width : (top + dy + 1) * self._width] for dy in range(step)]
            for left in range(0, self._width - step + 1, step):
                block = bytes(sorted(b"".join(row[left : left + step] for row in rows)))
                if block not in blended:
                    blended[block] = _colour_number(_mean(block), palette)
                pixels.append(blended[block])
        table = b"".join(map(bytes, palette))
        return Picture(width=self._width // step, height=self._height // step, palette=table, pixels=bytes(pixels))


def _mean(block: bytes) -> tuple[int, ...]:
    return tuple(sum(_RGB[index][channel] for index in block) // len(block) for channel in range(3))


def _colour_number(colour: tuple[int, ...], palette: dict[tuple[int, ...], int]) -> int:
    """The colour's place in the palette; when its 256 places are taken, the nearest one."""
    if colour not in palette and len(palette) < 256:
        palette[colour] = len(palette)
    if colour in palette:
        return palette[colour]
    return min(palette.items(), key=lambda item: sum((a - b) ** 2 for a, b in zip(item[0], colour, strict=True)))[1]
