"""What one card is doing, as its thread leaves it for others to see: the screen, the watchdog, the ledger."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

_TELLING_S: Final = 2.0
"""A rate of less time is chance."""


class Phase(StrEnum):
    """Where a card is on its way."""

    WAITING = "waiting"
    PROBING = "probing"
    COMPARING = "comparing"
    WRITING = "writing"
    FLUSHING = "flushing"
    VERIFYING = "verifying"
    NAMING = "naming"
    SEALING = "sealing"
    DONE = "done"
    SAME = "same"
    FAILED = "failed"
    STALLED = "stalled"
    INTERRUPTED = "interrupted"

    @property
    def over(self) -> bool:
        """Whether nothing more will happen."""
        return self in {Phase.DONE, Phase.SAME, Phase.FAILED, Phase.STALLED, Phase.INTERRUPTED}


class Interrupted(Exception):
    """The batch is over before the card was done."""


@dataclass(slots=True)
class Pulse:
    """Written by the card's own thread, read by others; every field is replaced as a whole."""

    phase: Phase = Phase.WAITING
    done_bytes: int = 0
    """Of this phase."""
    total_bytes: int = 0
    at: int | None = None
    """Where on the card it is busy, in bytes."""
    beat_s: float = field(default_factory=time.monotonic)
    """When something was finished last, by the monotonic clock."""
    waits: bool = False
    """Whether it waits for the image and not for the card: then it is not the card that stands still."""
    began_s: dict[Phase, float] = field(default_factory=dict)
    took_s: dict[Phase, float] = field(default_factory=dict)
    moved_bytes: dict[Phase, int] = field(default_factory=dict)
    written_bytes: int = 0
    """In all, what is proved later and what is the card's own too."""
    touched: bool = False
    """Whether anything on the card may have been changed."""
    abandoned: bool = False
    """The watchdog gave it up: whatever it still finishes counts nothing."""

    def enter(self, phase: Phase, total_bytes: int = 0) -> None:
        """A phase begins, and the one before it is over."""
        now = time.monotonic()
        if self.phase in self.began_s:
            self.took_s[self.phase] = self.took_s.get(self.phase, 0.0) + now - self.began_s[self.phase]
            self.moved_bytes[self.phase] = self.moved_bytes.get(self.phase, 0) + self.done_bytes
        self.began_s[phase] = self.beat_s = now
        self.done_bytes, self.total_bytes, self.at = 0, total_bytes, None
        self.phase = phase

    def beat(self, done_bytes: int = 0) -> None:
        """Something was finished."""
        self.done_bytes += done_bytes
        self.waits = False
        self.beat_s = time.monotonic()

    @property
    def last(self) -> Phase:
        """What it was busy with, also when it is over."""
        return next((phase for phase in reversed(self.began_s) if not phase.over), Phase.WAITING)

    def rate(self, phase: Phase) -> float | None:
        """Bytes per second of a phase so far; none before it went on for long enough to tell."""
        seconds, moved = self.took_s.get(phase, 0.0), self.moved_bytes.get(phase, 0)
        if self.phase is phase:
            now = time.monotonic() - self.began_s[phase]
            if now < _TELLING_S:
                return None
            seconds, moved = seconds + now, moved + self.done_bytes
        return moved / seconds if seconds > 0 else None
