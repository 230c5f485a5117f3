"""Words that came from outside, made fit to be shown on a console."""

from __future__ import annotations

_LONGEST_LINE = 240
_MOST_LINES = 40


def plain(text: str) -> str:
    """A text that cannot move the cursor, change colours or flood the screen, whoever wrote it."""
    lines = ["".join(c if c.isprintable() else "?" for c in line.expandtabs()) for line in text.split("\n")]
    shown = [line if len(line) <= _LONGEST_LINE else f"{line[:_LONGEST_LINE]} ..." for line in lines[:_MOST_LINES]]
    if len(lines) > _MOST_LINES:
        shown.append(f"... and {len(lines) - _MOST_LINES} more lines")
    return "\n".join(shown)
