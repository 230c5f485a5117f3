#!/usr/bin/env python3
"""Measure kolibri-pi, for another processor than this machine has, against kolibri-pc, with the same parts, in one run.

Writes results/cross.json and results/cross.md beside this file. Wants a quiet machine with a processor for PCs, the
network for the first run, and about 12 GB; takes about seven minutes a round. What build.py says of clocks and bytes
holds here too.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from datetime import UTC, datetime
from statistics import median
from typing import Final

from build import RESULTS, line, machine
from contestant import Case
from edit import EDITED
from measure import Cost
from options import Options
from satchel import Satchel

from builder.host.namespace import enter
from builder.units import format_size

NATIVE, CROSS = "kolibri-pc", "kolibri-pi"
TARGETS: Final[Mapping[Case, float]] = {Case.COLD: 2.5, Case.OVERLAY: 2.5, Case.UNCHANGED: 2.5}
"""How much of the native build's time the one for the other processor may take."""

Costs = dict[str, dict[Case, list[Cost]]]


def main() -> None:
    """Measure, show, write."""
    options = Options(__doc__, rounds=3, room="bench-cross").read()
    enter()
    builds = {name: Satchel(options.room / name, recipe=name, edited=EDITED) for name in (NATIVE, CROSS)}
    for name, build in builds.items():
        print(f"{name}: downloads and a first build, not measured", flush=True)
        build.warm()
    units = {name: build.edited.read_text() for name, build in builds.items()}
    costs: Costs = {name: {case: [] for case in TARGETS} for name in builds}
    for number in range(1, options.rounds + 1):
        for name, build in builds.items():
            for case in TARGETS:
                build.prepare(case)
                if case is Case.OVERLAY:
                    build.edited.write_text(f"{units[name]}# Edited in round {number}.\n")
                cost = build.build(case)
                costs[name][case].append(cost)
                print(f"{number}  {name:12}  {case:30}  {line(cost)}", flush=True)
    for build in builds.values():
        build.leave()
    ratios = {case: _seconds(costs[CROSS][case]) / _seconds(costs[NATIVE][case]) for case in TARGETS}
    sizes = {name: build.image.with_suffix(".img.zst").stat().st_size for name, build in builds.items()}
    facts = {
        "date": datetime.now(UTC).date().isoformat(),
        "machine": machine(),
        "versions": [builds[CROSS].version()],
        "rounds": options.rounds,
        "costs": {name: {case: [asdict(cost) for cost in found] for case, found in of.items()}
                  for name, of in costs.items()},
        "ratios": {case: round(ratio, 3) for case, ratio in ratios.items()},
        "compressed_bytes": sizes,
    }  # fmt: skip
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / "cross.json").write_text(json.dumps(facts, indent=1) + "\n")
    page = "\n".join(_page(costs, ratios, sizes, rounds=options.rounds)) + "\n"
    (RESULTS / "cross.md").write_text(page)
    print(f"\n{page}\nwritten to {RESULTS}")


def _seconds(costs: list[Cost]) -> float:
    return median(cost.seconds for cost in costs)


def _page(costs: Costs, ratios: Mapping[Case, float], sizes: Mapping[str, int], *, rounds: int) -> list[str]:
    rows = [
        f"| {case} | {_seconds(costs[NATIVE][case]):.1f} s | {_seconds(costs[CROSS][case]):.1f} s | {ratio:.2f} "
        f"| {TARGETS[case]} {'reached' if ratio <= TARGETS[case] else '**missed**'} |"
        for case, ratio in ratios.items()
    ]
    return [
        f"# {CROSS} (arm64) against {NATIVE} (amd64)",
        "",
        f"The same parts of recipes, but for the kernel and what starts it. {machine()}. "
        f"Median of {rounds}; seconds until everything was on the disk.",
        "",
        f"| work | {NATIVE} | {CROSS} | ratio | target |",
        "|---|---|---|---|---|",
        *rows,
        "",
        "Compressed images: " + ", ".join(f"{name} {format_size(size)}" for name, size in sizes.items()) + ".",
    ]


if __name__ == "__main__":
    main()
