"""`satchel test --power-cuts`: what a first boot survives."""

from __future__ import annotations

import json
from argparse import Namespace

from builder.boot.diary import Bench
from builder.boot.powercut import campaign as campaigns
from builder.boot.powercut import report
from builder.boot.powercut.medium import Point, parse_point
from builder.boot.prove import room_for_two
from builder.boot.subject import Subject
from builder.disk.read import read_table
from builder.errors import BootTestFailed, UsageError


def wanted_point(arguments: Namespace) -> Point | None:
    """The single point that is asked for, if one is.

    Raises:
        UsageError: its name is none, or the number of points makes no sense.
    """
    if arguments.power_cuts is not None and arguments.power_cuts < 1:
        raise UsageError("--power-cuts wants at least one point")
    if arguments.power_cut_point is None:
        return None
    try:
        return parse_point(arguments.power_cut_point)
    except ValueError as error:
        raise UsageError(str(error), hint="the names of points are in power-cuts.txt and in the picture") from error


def cut_power(arguments: Namespace, subject: Subject, bench: Bench, *, only: Point | None) -> int:
    """Visit the points, keep the report, and say how it went."""
    found = campaigns.run(
        subject,
        read_table(subject.image),
        bench,
        points=arguments.power_cuts or 0,
        seed=arguments.seed,
        only=only,
        together=room_for_two(),
    )
    directory = bench.logs
    if only is None:
        report.keep(found, directory)
    print(json.dumps(report.to_dict(found), indent=1) if arguments.json else report.to_text(found))
    if not found.passed:
        where = directory.absolute() / "power-cuts.html"
        raise BootTestFailed(f"{subject.image} does not survive every power cut", hint=f"the picture is {where}")
    return 0
