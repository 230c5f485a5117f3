"""Who was served how much: counted by the threads that serve, read by the one that shows it."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from threading import Lock


@dataclass(frozen=True, slots=True, kw_only=True)
class Visitor:
    """A device as far as it is known: its address, and what it got."""

    address: str
    bytes: int = 0
    files: int = 0
    """Content files that were sent to their ends."""
    busy: int = 0
    """Answers that are being sent."""
    seen_s: float = 0.0
    """When it last got something, by the monotonic clock."""


class Visitors:
    """All of them. Safe to use from several threads."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._known: dict[str, Visitor] = {}
        self._troubles: dict[str, None] = {}

    def all(self) -> tuple[Visitor, ...]:
        """Those who came so far, in that order, as they are now."""
        with self._lock:
            return tuple(self._known.values())

    def count(self, address: str, *, sent: int = 0, files: int = 0, busy: int = 0) -> None:
        """Add to what is known of a visitor."""
        with self._lock:
            known = self._known.get(address) or Visitor(address=address)
            self._known[address] = replace(
                known,
                bytes=known.bytes + sent,
                files=known.files + files,
                busy=known.busy + busy,
                seen_s=time.monotonic(),
            )

    def complain(self, trouble: str) -> None:
        """Something that the one who serves should know, once."""
        with self._lock:
            self._troubles[trouble] = None

    def troubles(self) -> tuple[str, ...]:
        """What was complained about so far, in that order."""
        with self._lock:
            return tuple(self._troubles)
