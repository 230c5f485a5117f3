#!/usr/bin/env python3
"""Measure what an edit of one unit file costs in kolibri-pc, against building it from its downloads, in one run.

Writes results/edit.json and results/edit.md beside this file. Wants a quiet machine, the network for the first run, and
about 6 GB; takes about three minutes a round. What build.py says of clocks and bytes holds here too.
"""

from __future__ import annotations

import json
from dataclasses import asdict
from datetime import UTC, datetime
from statistics import median
from typing import Final

from build import RESULTS, line, machine
from contestant import Case
from measure import Cost
from options import Options
from satchel import Satchel

from builder.host.namespace import enter

RECIPE: Final = "kolibri-pc"
EDITED: Final = "overlays/kolibri/usr/lib/systemd/system/kolibri.service.j2"
TARGET: Final = 0.15


def main() -> None:
    """Measure, show, write."""
    options = Options(__doc__, rounds=3).read()
    enter()
    satchel = Satchel(options.room / RECIPE, recipe=RECIPE, edited=EDITED)
    print("downloads and a first build, not measured", flush=True)
    satchel.warm()
    unit = satchel.edited.read_text()
    cold: list[Cost] = []
    edits: list[Cost] = []
    for number in range(1, options.rounds + 1):
        satchel.prepare(Case.COLD)
        cold.append(satchel.build(Case.COLD))
        print(f"{number}  {Case.COLD:30}  {line(cold[-1])}", flush=True)
        satchel.prepare(Case.OVERLAY)
        satchel.edited.write_text(f"{unit}# Edited in round {number}.\n")
        edits.append(satchel.build(Case.OVERLAY))
        print(f"{number}  {Case.OVERLAY:30}  {line(edits[-1])}", flush=True)
    satchel.leave()
    ratio = median(cost.seconds for cost in edits) / median(cost.seconds for cost in cold)
    data = satchel.image.stat().st_blocks * 512
    facts = {
        "date": datetime.now(UTC).date().isoformat(),
        "machine": machine(),
        "versions": [satchel.version()],
        "rounds": options.rounds,
        "image_data_bytes": data,
        "cold": [asdict(cost) for cost in cold],
        "edit": [asdict(cost) for cost in edits],
        "ratio": round(ratio, 3),
    }
    written = [median(cost.written_bytes for cost in costs) / data for costs in (cold, edits)]
    page = (
        f"# {RECIPE}: an edit of one unit file against a cold build\n\n"
        f"{satchel.version()}. {machine()}. Median of {options.rounds}; seconds until everything was on the disk.\n\n"
        "| work | time | written, as multiple of the image's data | largest process |\n|---|---|---|---|\n"
        f"{_row(Case.COLD, cold, written[0])}\n{_row(Case.OVERLAY, edits, written[1])}\n\n"
        f"Ratio {ratio:.3f}, target {TARGET}: {'reached' if ratio <= TARGET else '**missed**'}.\n"
    )
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / "edit.json").write_text(json.dumps(facts, indent=1) + "\n")
    (RESULTS / "edit.md").write_text(page)
    print(f"\n{page}\nwritten to {RESULTS}")


def _row(case: Case, costs: list[Cost], written: float) -> str:
    seconds = median(cost.seconds for cost in costs)
    peak = max(cost.peak_bytes for cost in costs) >> 20
    return f"| {case} | {seconds:.1f} s | {written:.2f} | {peak} MiB |"


if __name__ == "__main__":
    main()
