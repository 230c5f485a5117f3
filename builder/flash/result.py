"""What became of one card."""

from __future__ import annotations

from dataclasses import dataclass

from builder.flash.pace import SLOW
from builder.flash.pulse import Phase


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """The end of one attempt; sizes in bytes, rates in bytes per second."""

    target: str
    attempt: str
    phase: Phase
    """How it ended."""
    busy: Phase
    """What it was busy with."""
    reason: str = ""
    offset: int | None = None
    """Where on the card, if that means anything."""
    code: str = ""
    """Who it became, or, if it failed after that was decided, who nobody becomes any more."""
    touched: bool = False
    """Whether anything on the card may have been changed."""
    written_bytes: int = 0
    write_rate: float | None = None
    verify_rate: float | None = None
    pace: float | None = None
    """Its rate as a share of what the others of its batch reached; none where there are too few."""
    seconds: float = 0.0

    @property
    def done(self) -> bool:
        """Whether the card may go out."""
        return self.phase in {Phase.DONE, Phase.SAME}

    @property
    def slow(self) -> bool:
        """Whether it was so much slower than the others that somebody should look at it."""
        return self.pace is not None and self.pace < SLOW
