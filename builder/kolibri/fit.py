"""Whether the channels of a recipe fit, known before anything is downloaded or built."""

from __future__ import annotations

from pathlib import PurePosixPath

from builder.errors import Problem
from builder.kolibri.channels import find_channels
from builder.recipe.load import Loaded
from builder.recipe.model import Partition
from builder.units import format_size


def content_problems(loaded: Loaded) -> tuple[Problem, ...]:
    """The problem of channels that are larger than the partition for them can ever be; none when they fit.

    Raises:
        PlanError: a drive cannot be read.
    """
    recipe = loaded.recipe
    if recipe.kolibri is None:
        return ()
    sizes = [
        (number, sum(channel.size for channel in find_channels(loaded.path(drive.directory), only=drive.channels)))
        for number, drive in enumerate(source.drive for source in recipe.content)
        if drive is not None
    ]
    total = sum(size for _, size in sizes)
    partition = _partition_for(PurePosixPath(recipe.kolibri.content), recipe.disk.partitions)
    if partition.size == "fit":
        others = sum(each.size for each in recipe.disk.partitions if each.size != "fit")
        room, where = (
            recipe.disk.card - others,
            f"the other partitions leave {{}} on a card of {recipe.disk.card:,} bytes",
        )
    else:
        room, where = partition.size, f"partition {partition.name} has {{}}"
    if total <= room:
        return ()
    largest = max(sizes, key=lambda entry: entry[1])[0]
    message = f"the channels need {format_size(total)}, but {where.format(format_size(max(room, 0)))}"
    hint = "take fewer channels, make partitions smaller, or raise disk.card if all of your cards are larger"
    return (loaded.problem(("content", largest), message, hint=hint),)


def _partition_for(path: PurePosixPath, partitions: tuple[Partition, ...]) -> Partition:
    """The partition that will hold a path; the recipe's rules made sure that there is one."""
    holding = [each for each in partitions if each.mount and path.is_relative_to(each.mount)]
    return max(holding, key=lambda each: len(each.mount or ""))
