"""A batch as a page to print: what became of every card, and how fast each of them was."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from builder.ledger.history import Attempt, Count, count
from builder.templates import page_environment
from builder.units import MIB, format_duration, format_size

_TEMPLATE: Final = Path(__file__).with_name("report.html.j2")
_WIDTH, _BAR, _GAP = 720, 10, 8
_NAMES: Final = 130


@dataclass(frozen=True, slots=True, kw_only=True)
class Bar:
    """A card's two rates in the picture; positions and lengths in pixels."""

    name: str
    y: int
    write: int
    verify: int
    said: str
    slow: bool
    """Much slower than the others of its batch, as whoever flashed it saw: the next card to fail."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """What the template shows."""

    attempts: Sequence[Attempt]
    count: Count
    head: tuple[int, str] | None
    bars: tuple[Bar, ...]
    height: int

    @property
    def first(self) -> Attempt:
        """What all have in common stands in the first."""
        return self.attempts[0]


def batch_report(attempts: Sequence[Attempt], *, head: tuple[int, str] | None) -> str:
    """The page (HTML, without anything from elsewhere) for some attempts, of which there is at least one."""
    page = Page(
        attempts=attempts,
        count=count(attempts),
        head=head,
        bars=_bars(attempts),
        height=len(attempts) * (2 * _BAR + _GAP) + _GAP,
    )
    template = page_environment().from_string(_TEMPLATE.read_text(encoding="utf-8"))
    return template.render(page=page, size=_size, rate=_rate, seconds=_seconds, names=_NAMES, width=_WIDTH, bar=_BAR)


def _bars(attempts: Sequence[Attempt]) -> tuple[Bar, ...]:
    rates = [(_number(attempt, "write_rate"), _number(attempt, "verify_rate")) for attempt in attempts]
    most = max((rate for pair in rates for rate in pair), default=0) or 1
    room = _WIDTH - _NAMES - 150
    return tuple(
        Bar(
            name=attempt.code or attempt.get("slot") or attempt.get("target"),
            y=_GAP + number * (2 * _BAR + _GAP),
            write=round(write / most * room),
            verify=round(verify / most * room),
            said=f"{_mib(write)} / {_mib(verify)} MiB/s",
            slow=attempt.slow,
        )
        for number, (attempt, (write, verify)) in enumerate(zip(attempts, rates, strict=True))
    )


def _number(attempt: Attempt, name: str) -> float:
    value = attempt.facts.get(name)
    return float(value) if isinstance(value, int | float) else 0.0


def _mib(rate: float) -> str:
    return f"{rate / MIB:.1f}" if rate else "-"


def _rate(attempt: Attempt, name: str) -> str:
    return _mib(_number(attempt, name))


def _size(attempt: Attempt) -> str:
    return format_size(int(_number(attempt, "size_bytes")))


def _seconds(attempt: Attempt) -> str:
    return format_duration(_number(attempt, "seconds"))
