"""The picture of a campaign: where in the log the power went, what became of open writes, and what came of it.

One HTML file that needs nothing else. Positions run from left to right, and each kind of power cut has a row.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from builder.boot.powercut.campaign import Campaign
from builder.boot.powercut.judgement import MEANINGS, Outcome
from builder.boot.powercut.medium import MEANINGS as KINDS
from builder.boot.powercut.medium import Kind
from builder.boot.powercut.results import Visit
from builder.templates import page_environment

_BESIDE: Final = Path(__file__).parent

WIDTH: Final = 1400
_LEFT: Final = 70
_TOP: Final = 190
_ROW: Final = 62
_LABEL_GAP: Final = 24
"""Labels of short steps must not lie upon each other."""

_LANES: Final = 5
"""Points that are close together in a row stand in so many lanes, so that one does not hide the other."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Dot:
    """One visited point in the picture."""

    x: float
    y: float
    visit: Visit


@dataclass(frozen=True, slots=True, kw_only=True)
class Stripe:
    """A step in the picture."""

    x: float
    width: float
    label: str
    label_x: float
    points: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A kind of power cut in the picture."""

    y: float
    kind: Kind
    meaning: str


def picture(campaign: Campaign) -> str:
    """The text of power-cuts.html."""
    template = page_environment().from_string((_BESIDE / "picture.html.j2").read_text())
    scale = (WIDTH - _LEFT - 20) / max(campaign.recording.entries, 1)
    worst_first = sorted(campaign.visits, key=lambda visit: list(Outcome).index(visit.outcome))
    return template.render(
        campaign=campaign,
        width=WIDTH,
        left=_LEFT,
        top=_TOP,
        bottom=_TOP + _ROW * len(Kind),
        stripes=list(_stripes(campaign, scale)),
        flushes=[
            round(_LEFT + number * scale, 1)
            for number, entry in enumerate(campaign.log.entries, start=1)
            if entry.flush
        ],
        rows=[Row(y=_TOP + _ROW * number, kind=kind, meaning=KINDS[kind]) for number, kind in enumerate(Kind)],
        row_height=_ROW,
        dots=[_dot(visit, scale) for visit in reversed(worst_first)],
        failed=[visit for visit in worst_first if visit.outcome is not Outcome.OK],
        outcomes=[
            (outcome, MEANINGS[outcome], sum(visit.outcome is outcome for visit in campaign.visits))
            for outcome in reversed(Outcome)
        ],
        hours=sum(visit.seconds for visit in campaign.visits) / 3600,
    )


def _stripes(campaign: Campaign, scale: float) -> Iterator[Stripe]:
    bands = campaign.recording.bands
    ends = (*(band.start for band in bands[1:]), campaign.recording.entries)
    counted = Counter(visit.step for visit in campaign.visits)
    label_x = 0.0
    for band, end in zip(bands, ends, strict=True):
        x, width = _LEFT + band.start * scale, (end - band.start) * scale
        label_x = max(x + width / 2, label_x + _LABEL_GAP)
        yield Stripe(x=x, width=width, label=band.label, label_x=label_x, points=counted[band.label])


def _dot(visit: Visit, scale: float) -> Dot:
    lane = visit.position % _LANES
    row = list(Kind).index(visit.kind)
    y = _TOP + _ROW * row + (lane + 1) * _ROW / (_LANES + 1)
    return Dot(x=round(_LEFT + visit.position * scale, 1), y=round(y, 1), visit=visit)
