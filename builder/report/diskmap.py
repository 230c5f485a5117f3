"""The disk drawn to scale: partitions as they lie, with numbers beneath that do not cover one another. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from builder.manifest import DiskRecord, PartitionRecord
from builder.report.facts import ReportFacts, Usage


@dataclass(frozen=True, slots=True, kw_only=True)
class Segment:
    """A partition on the map, in units of the map's width."""

    partition: PartitionRecord
    usage: Usage | None
    x: float
    width: float
    filled: float
    """Width of the used part."""
    badge_x: float
    """Where the middle of its number is."""


def disk_map(facts: ReportFacts, *, width: float, badge: float) -> tuple[Segment, ...]:
    """The partitions of an image on a map of that width; a number takes `badge` of it."""
    disk = facts.manifest.disk
    scale = width / disk.size_bytes
    middles = [(partition.start_bytes + partition.size_bytes / 2) * scale for partition in disk.partitions]
    badges = spread(middles, width=width, step=badge)
    return tuple(
        _segment(facts, disk, partition, scale=scale, badge_x=x)
        for partition, x in zip(disk.partitions, badges, strict=True)
    )


def _segment(
    facts: ReportFacts, disk: DiskRecord, partition: PartitionRecord, *, scale: float, badge_x: float
) -> Segment:
    usage = facts.usage_of(partition)
    # The smallest partition of a large disk is still seen.
    width = max(1.5, partition.size_bytes * scale)
    x = min(partition.start_bytes * scale, disk.size_bytes * scale - width)
    filled = width if usage is None else usage.fraction * width
    return Segment(partition=partition, usage=usage, x=x, width=width, filled=filled, badge_x=badge_x)


def spread(wanted: Sequence[float], *, width: float, step: float) -> list[float]:
    """Places near the wanted ones, which are in order, at least `step` apart and inside the width if there is room."""
    places: list[float] = []
    for place in wanted:
        places.append(max(place, places[-1] + step if places else step / 2))
    limit = width - step / 2
    for index in reversed(range(len(places))):
        places[index] = min(places[index], limit)
        limit = places[index] - step
    return places
