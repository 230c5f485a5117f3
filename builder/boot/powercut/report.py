"""What a campaign showed: a table for people, everything as JSON for programs. Pure but for `keep`."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path

from builder.boot.powercut.campaign import Campaign
from builder.boot.powercut.judgement import MEANINGS, Outcome
from builder.boot.powercut.medium import MEANINGS as KINDS
from builder.boot.powercut.picture import picture
from builder.boot.powercut.results import Visit

_SHOWN = 12
"""Failing points that the text shows in full; the JSON has all."""


def to_text(campaign: Campaign) -> str:
    """Tables of outcomes by step and by kind, and what failed."""
    visits, recording = campaign.visits, campaign.recording
    good = sum(visit.outcome is Outcome.OK for visit in visits)
    flushes = sum(entry.flush for entry in campaign.log.entries)
    title = (
        f"power cuts in the first boot of {campaign.image}: {good} of {len(visits)} points are ok\n"
        f"the recorded first boot made {recording.entries} requests of its card, {flushes} of them flushes"
    )
    steps = list(dict.fromkeys(band.label for band in recording.bands))
    failed = [visit for visit in visits if visit.outcome is not Outcome.OK]
    parts = [
        title,
        _table("the device was busy with", steps, visits, lambda visit: visit.step),
        _table("what was not flushed", list(KINDS), visits, lambda visit: visit.kind),
        _table("ways", list(_WAYS), visits, _way),
        *(_failure(visit) for visit in failed[:_SHOWN]),
    ]
    if len(failed) > _SHOWN:
        parts.append(f"and {len(failed) - _SHOWN} more: {', '.join(visit.name for visit in failed[_SHOWN:])}")
    return "\n\n".join(parts) + "\n"


_WAYS = ("once", "once, all checks", "cut again")


def _way(visit: Visit) -> str:
    return "cut again" if visit.again else "once, all checks" if visit.thorough else "once"


def _table(title: str, rows: Sequence[str], visits: Sequence[Visit], row_of: Callable[[Visit], str]) -> str:
    """How many points of each row had each outcome; outcomes that never came are left out."""
    counts = Counter((row_of(visit), visit.outcome) for visit in visits)
    columns = [outcome for outcome in reversed(Outcome) if any(visit.outcome is outcome for visit in visits)]
    width = max(map(len, (title, *rows)))
    lines = [f"{title:<{width}}" + "".join(f"  {column:>9}" for column in columns)]
    for row in rows:
        numbers = "".join(f"  {counts[row, column] or '-':>9}" for column in columns)
        lines.append(f"{row:<{width}}{numbers}")
    return "\n".join(lines)


def _failure(visit: Visit) -> str:
    lines = [f"{visit.name}: {visit.outcome}: {MEANINGS[visit.outcome]}", f"  while {visit.step}; {KINDS[visit.kind]}"]
    lines += [f"  ! {line}" for fault in visit.faults for line in fault.text.splitlines()]
    lines += [f"  | {line}" for line in visit.console.splitlines()[-_SHOWN:]]
    return "\n".join(lines)


def to_dict(campaign: Campaign) -> dict[str, object]:
    """The same as JSON values, whole."""
    counted = Counter(visit.outcome for visit in campaign.visits)
    return {
        "passed": campaign.passed,
        "image": campaign.image,
        "points": len(campaign.visits),
        "outcomes": {str(outcome): counted[outcome] for outcome in Outcome},
        "recording": campaign.recording.model_dump(mode="json"),
        "visits": [{**visit.model_dump(mode="json"), "outcome": str(visit.outcome)} for visit in campaign.visits],
    }


def keep(campaign: Campaign, directory: Path) -> None:
    """Write power-cuts.txt, power-cuts.json and the picture, power-cuts.html."""
    (directory / "power-cuts.txt").write_text(to_text(campaign), encoding="utf-8")
    (directory / "power-cuts.json").write_text(json.dumps(to_dict(campaign), indent=1) + "\n", encoding="utf-8")
    (directory / "power-cuts.html").write_text(picture(campaign), encoding="utf-8")
