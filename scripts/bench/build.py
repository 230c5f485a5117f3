#!/usr/bin/env python3
"""Measure Satchel against mkosi: the same packages and the same disk, on this machine, in one run.

Writes results/build.json and results/build.md beside this file. Wants a quiet machine, the network for the first run,
and about 6 GB; takes about ten minutes a round. Both builders run as root of the same namespace, with their downloads
and their trees of tools there already; the clock of a build stops when all that it wrote is on the disk.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from typing import Final

from contestant import Case, Contestant
from measure import Cost
from mkosi import Mkosi
from options import Options
from satchel import Satchel

from builder.host.namespace import enter
from builder.units import format_size

RESULTS: Final = Path(__file__).with_name("results")

CONTESTANTS: Final[Mapping[str, type[Contestant]]] = {"satchel": Satchel, "mkosi": Mkosi}


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """How much of mkosi's time Satchel may take."""

    ratio: float
    against: Case
    """The work of mkosi that it is compared with."""


TARGETS: Final[Mapping[Case, Target]] = {
    Case.COLD: Target(ratio=0.35, against=Case.COLD),
    Case.UNCHANGED: Target(ratio=0.03, against=Case.UNCHANGED),
    Case.OVERLAY: Target(ratio=0.25, against=Case.OVERLAY),
    # Against its cold build and not its own work, because mkosi begins anew when a package is added.
    Case.PACKAGE: Target(ratio=0.50, against=Case.COLD),
}

Costs = dict[str, dict[Case, list[Cost]]]


def main() -> None:
    """Measure, show, write."""
    options = _options()
    enter()
    contestants = [CONTESTANTS[name](options.room / name) for name in options.only]
    for contestant in contestants:
        print(f"{contestant.name}: downloads and a first build, not measured", flush=True)
        contestant.warm()
    costs: Costs = {contestant.name: {case: [] for case in options.cases} for contestant in contestants}
    packages: dict[str, dict[str, str]] = {}
    for number in range(1, options.rounds + 1):
        for contestant in contestants:
            for case in options.cases:
                cost = contestant.measured(case, number)
                costs[contestant.name][case].append(cost)
                print(f"{number}  {contestant.name:8}  {case:30}  {line(cost)}", flush=True)
                if case is not Case.PACKAGE:
                    packages[contestant.name] = contestant.packages()
    for contestant in contestants:
        contestant.leave()
    if set(options.only) != set(CONTESTANTS) or set(options.cases) != set(Case):
        print("only a part was measured, so nothing is written")
        return
    versions = [contestant.version() for contestant in contestants]
    facts = {
        "date": datetime.now(UTC).date().isoformat(),
        "machine": machine(),
        "versions": versions,
        "rounds": options.rounds,
        "packages": packages,
        "costs": {name: {case: [asdict(cost) for cost in found] for case, found in of.items()}
                  for name, of in costs.items()},
        "ratios": {case: round(_ratio(costs, case), 3) for case in Case},
    }  # fmt: skip
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / "build.json").write_text(json.dumps(facts, indent=1) + "\n")
    page = "\n".join(_page(costs, packages, versions=versions, rounds=options.rounds)) + "\n"
    (RESULTS / "build.md").write_text(page)
    print(f"\n{page}\nwritten to {RESULTS}")


def _options() -> argparse.Namespace:
    parser = Options(__doc__, rounds=3)
    parser.add_argument("--only", nargs="+", choices=CONTESTANTS, default=list(CONTESTANTS), help="to try one of them")
    parser.add_argument(
        "--cases", nargs="+", choices=[case.name.lower() for case in Case], help="to try some of the work"
    )
    options = parser.read()
    options.cases = [case for case in Case if options.cases is None or case.name.lower() in options.cases]
    return options


def _ratio(costs: Costs, case: Case) -> float:
    ours, theirs = costs[Satchel.name][case], costs[Mkosi.name][TARGETS[case].against]
    return _seconds(ours) / _seconds(theirs)


def _seconds(costs: Sequence[Cost]) -> float:
    return median(cost.seconds for cost in costs)


def _typical(costs: Sequence[Cost]) -> Cost:
    """The run whose time is nearest to the median."""
    return min(costs, key=lambda cost: abs(cost.seconds - _seconds(costs)))


def line(cost: Cost) -> str:
    """One measurement, for people who wait."""
    return (
        f"{cost.seconds:6.1f} s  {cost.processor_seconds:6.1f} s of processors  "
        f"{format_size(cost.written_bytes):>10} written  {format_size(cost.peak_bytes):>10} at most"
    )


def _page(
    costs: Costs, packages: Mapping[str, Mapping[str, str]], *, versions: Sequence[str], rounds: int
) -> list[str]:
    ours, theirs = set(packages[Satchel.name].items()), set(packages[Mkosi.name].items())
    alone = {
        name: ", ".join(f"{package} {version}" for package, version in sorted(found)) or "nothing"
        for name, found in ((Satchel.name, ours - theirs), (Mkosi.name, theirs - ours))
    }
    rows = [_row(costs, case) for case in Case]
    return [
        f"# {' against '.join(versions)}",
        "",
        f"The least Debian 13 with UEFI, one btrfs with two subvolumes, a raw image. {machine()}. "
        f"Median of {rounds}; seconds until everything was on the disk.",
        "",
        "| work | Satchel | mkosi | ratio | target | written by Satchel | by mkosi | memory of Satchel | of mkosi |",
        "|---|---|---|---|---|---|---|---|---|",
        *rows,
        "",
        f"Packages in both, in the same version: {len(ours & theirs)}. "
        f"Only with Satchel: {alone[Satchel.name]}. Only with mkosi: {alone[Mkosi.name]}.",
        "",
        "Memory is that of the largest process. An added package is compared with mkosi's cold build.",
    ]


def _row(costs: Costs, case: Case) -> str:
    ours, theirs = (_typical(costs[name][case]) for name in (Satchel.name, Mkosi.name))
    ratio, target = _ratio(costs, case), TARGETS[case]
    verdict = "reached" if ratio <= target.ratio else "**missed**"
    cells = (
        case,
        f"{ours.seconds:.1f} s",
        f"{theirs.seconds:.1f} s",
        f"{ratio:.3f}",
        f"{target.ratio} {verdict}",
        *(format_size(each.written_bytes) for each in (ours, theirs)),
        *(format_size(each.peak_bytes) for each in (ours, theirs)),
    )
    return f"| {' | '.join(cells)} |"


def machine() -> str:
    """What all of it was measured on."""
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    models = [line.partition(": ")[2] for line in lines if line.startswith("model name")]
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return f"{os.cpu_count()} x {models[0] if models else platform.machine()}, {format_size(memory)} of memory, " \
           f"Linux {platform.release()}"  # fmt: skip


if __name__ == "__main__":
    main()
