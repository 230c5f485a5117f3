"""What changed between the parts of two keys, in full, for a person who asks why. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from itertools import takewhile
from typing import Final

_WIDTH: Final = 48
"""How much of a value is shown."""

_CONTEXT: Final = 12
"""How much of what two long values have in common is shown before they differ."""

_DIGEST: Final = re.compile(r"[0-9a-f]{40,64}")


def list_parts(parts: Mapping[str, str]) -> tuple[str, ...]:
    """A line for each part of a key."""
    return tuple(_line("  ", part, _shown(value)) for part, value in sorted(parts.items()))


def list_changes(old: Mapping[str, str], new: Mapping[str, str]) -> tuple[str, ...]:
    """A line for each part that differs: `-` went, `+` came, `~` changed."""
    lines = []
    for part in sorted({*old, *new}):
        if part not in new:
            lines.append(_line("- ", part, _shown(old[part])))
        elif part not in old:
            lines.append(_line("+ ", part, _shown(new[part])))
        elif old[part] != new[part]:
            # Long values, such as a part of the recipe, are shown from where they begin to differ.
            common = len(list(takewhile(lambda pair: pair[0] == pair[1], zip(old[part], new[part], strict=False))))
            start = max(0, common - _CONTEXT) if max(len(old[part]), len(new[part])) > _WIDTH else 0
            before, after = (_shown(value, start=start) for value in (old[part], new[part]))
            lines.append(_line("~ ", part, f"{before} -> {after}"))
    return tuple(lines)


def _line(mark: str, part: str, value: str) -> str:
    return f"{mark}{part}: {value}" if value else f"{mark}{part}"


def _shown(value: str, *, start: int = 0) -> str:
    if _DIGEST.fullmatch(value):
        return value[:12]
    shown = value[start : start + _WIDTH].replace("\n", " ")
    return f"{'...' if start else ''}{shown}{'...' if start + _WIDTH < len(value) else ''}"
