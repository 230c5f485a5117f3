"""Bytes and durations: parse what people write, print what people read, align what disks need. Pure."""

from __future__ import annotations

import re

KIB = 1024
MIB = 1024 * KIB
GIB = 1024 * MIB

SECTOR = 512
"""Bytes in a logical sector of the images we make."""

ALIGNMENT = 4 * MIB
"""Partitions start at multiples of this: the erase block size of most SD cards is a divisor of it."""

_FACTORS = {
    "": 1,
    "B": 1,
    "KiB": KIB,
    "MiB": MIB,
    "GiB": GIB,
    "TiB": 1024 * GIB,
    "kB": 10**3,
    "MB": 10**6,
    "GB": 10**9,
    "TB": 10**12,
}
_SIZE = re.compile(r"(\d+(?:\.\d+)?)\s*([A-Za-z]*)")


def parse_size(text: str | int) -> int:
    """Bytes from `4096`, `"512 MiB"` or `"8 GB"`.

    Raises:
        ValueError: not a size, or a fraction of a byte.
    """
    if isinstance(text, bool):
        raise ValueError("a size is a number with a unit such as 512MiB")
    if isinstance(text, int):
        return text
    match = _SIZE.fullmatch(text.strip())
    if match is None or match[2] not in _FACTORS:
        units = " ".join(unit for unit in _FACTORS if unit)
        raise ValueError(f"{text!r} is not a size; write a number and one of {units}")
    size = float(match[1]) * _FACTORS[match[2]]
    if not size.is_integer():
        raise ValueError(f"{text!r} is not a whole number of bytes")
    return int(size)


def format_size(size_bytes: int) -> str:
    """A size for people, in binary units: `3.0 GiB`."""
    if abs(size_bytes) < KIB:
        return f"{size_bytes} B"
    value = float(size_bytes)
    for unit in ("KiB", "MiB", "GiB"):
        value /= KIB
        if abs(value) < KIB:
            return f"{value:.1f} {unit}"
    return f"{value / KIB:.1f} TiB"


def format_duration(seconds: float) -> str:
    """A duration for people: `0.4 s`, `12 s`, `3 min 05 s`."""
    if seconds < 10:
        return f"{seconds:.1f} s"
    if seconds < 60:
        return f"{seconds:.0f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest:02d} s"


def align_up(value: int, step: int) -> int:
    """The smallest multiple of `step` that is not below `value`."""
    return -(-value // step) * step
