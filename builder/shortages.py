"""What of a plan of sizes does not fit, by how much, and what to do about it."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

from builder.content.sizes.shedding import Advice, Over, Shed, advise
from builder.errors import HostError, PlanError, Problem, SatchelError
from builder.kolibri.channels import Channel
from builder.plan.need import DiskNeed
from builder.plan.sizes import SizedPartition, Sizes
from builder.recipe.tree import Keys
from builder.sizing import SizePlan
from builder.units import MIB, align_up, format_size


@dataclass(frozen=True, slots=True, kw_only=True)
class Shortage:
    """Something that does not fit."""

    error: type[SatchelError]
    problem: Problem | None
    """Where in the recipe; None for what is wrong with this machine."""
    message: str
    over_bytes: int
    advice: Advice
    hint: str


def shortages(plan: SizePlan) -> Iterator[Shortage]:
    """Everything that surely does not fit: partitions, the card, this machine's disks."""
    sizes = plan.sizes()
    for partition in sizes.partitions:
        if partition.over_bytes:
            yield _partition_shortage(plan, partition)
    if sizes.over_bytes:
        yield _card_shortage(plan, sizes)
    for number, disk in enumerate(plan.disks()):
        if disk.over_bytes:
            yield _disk_shortage(plan, disk, number)


def refuse_what_does_not_fit(plan: SizePlan) -> None:
    """Stop before anything is fetched.

    Raises:
        PlanError: the image cannot be as large as it must.
        HostError: this machine's disks cannot hold what the build would write.
    """
    for shortage in shortages(plan):
        details = "\n".join(advice_lines(plan, shortage.advice))
        raise shortage.error(
            str(shortage.problem) if shortage.problem else shortage.message, details=details, hint=shortage.hint
        )


def _partition_shortage(plan: SizePlan, partition: SizedPartition) -> Shortage:
    def over(channels: Sequence[Channel]) -> int:
        changed = plan.sizes(channels).partition(partition.name)
        return (changed.needed_bytes or 0) - changed.room_bytes

    needed = partition.needed_bytes or 0
    message = (
        f"the content needs {format_size(needed)}, but partition {partition.name} has "
        f"{format_size(partition.room_bytes)}: {format_size(partition.over_bytes)} too much"
    )
    hint = f"give partition {partition.name} `size: {align_up(needed, MIB) // MIB}MiB`, or `size: fit`"
    return _shortage(plan, PlanError, message, hint, over)


def _card_shortage(plan: SizePlan, sizes: Sizes) -> Shortage:
    def over(channels: Sequence[Channel]) -> int:
        changed = plan.sizes(channels)
        return changed.image_bytes - changed.card_bytes

    message = (
        f"the image needs {format_size(sizes.image_bytes)} ({sizes.image_bytes:,} bytes), but the smallest card has "
        f"{format_size(sizes.card_bytes)} ({sizes.card_bytes:,} bytes): {format_size(sizes.over_bytes)} too much"
    )
    card = sizes.smallest_card()
    hint = "raise `disk.card` if all of your cards are large enough"
    if card:
        larger = f"{card.size_bytes / 10**9:g} GB"
        hint = f"write `card: {larger}` under `disk` if all of your cards are sold as {card.name} or more"
    return _shortage(plan, PlanError, message, hint, over)


def _disk_shortage(plan: SizePlan, disk: DiskNeed, number: int) -> Shortage:
    def over(channels: Sequence[Channel]) -> int:
        changed = plan.disks(channels)[number]
        return changed.least - changed.free_bytes

    places = " and ".join(store.directory for store in disk.stores)
    message = (
        f"this machine has {format_size(disk.free_bytes)} free for {places}, but the build writes at least "
        f"{format_size(disk.least)}: {format_size(disk.over_bytes)} too much"
    )
    hint = "make room (`satchel cache gc --to SIZE`), or choose other disks by SATCHEL_CACHE and --dist"
    return _shortage(plan, HostError, message, hint, over)


def _shortage(plan: SizePlan, error: type[SatchelError], message: str, hint: str, over: Over) -> Shortage:
    """With the place of the largest entry of the content, or of what limits an image without content."""
    return Shortage(
        error=error,
        problem=None if error is HostError else plan.loaded.problem(_blamed(plan), message),
        message=message,
        over_bytes=over(plan.channels),
        advice=advise(plan.portions, over),
        hint=hint,
    )


def _blamed(plan: SizePlan) -> Keys:
    sizes = [(portion.channel.size, portion.number) for portion in plan.portions]
    sizes += [(tree.listing.size, tree.number) for tree in plan.trees]
    return ("content", max(sizes)[1]) if sizes else ("disk",)


def advice_lines(plan: SizePlan, advice: Advice) -> Iterator[str]:
    """What to leave out, and what to write for it, for people."""
    shed = advice.single or advice.together
    if not shed:
        if plan.portions:
            yield (
                "leaving out channels alone is not enough" if plan.trees else "leaving out content alone is not enough"
            )
        return
    yield "leaving out one of these is enough:" if advice.single else "leaving out all of these is enough:"
    width = max(len(format_size(each.frees)) for each in shed)
    for each in shed:
        yield f"  {format_size(each.frees):>{width}}  {called(each)}"
        if advice.single:
            yield f"  {'':>{width}}  {recipe_lines(plan, [each])[0]}"
    if advice.together:
        yield from recipe_lines(plan, advice.together)


def called(shed: Shed) -> str:
    """What would be left out, for people."""
    channel = shed.portion.channel
    if not shed.topics:
        return f'the channel "{channel.name}"'
    titles = ", ".join(f'"{topic.title}"' for topic in shed.topics)
    resources = sum(topic.resources for topic in shed.topics)
    kind = "topic" if len(shed.topics) == 1 else f"{len(shed.topics)} topics"
    return f'the {kind} {titles} of "{channel.name}" ({resources} resources)'


def recipe_lines(plan: SizePlan, shed: Sequence[Shed]) -> tuple[str, ...]:
    """What to write in the recipe to leave these out: whole channels, or topics of a single one."""
    if shed[0].topics:
        return (_without_topics(plan, shed[0]),)
    dropped = {each.portion.channel.id for each in shed}
    numbers = dict.fromkeys(sorted(each.portion.number for each in shed))
    return tuple(_without_channels(plan, number, dropped) for number in numbers)


def _without_channels(plan: SizePlan, number: int, dropped: Collection[str]) -> str:
    there = [portion.channel.id for portion in plan.portions if portion.number == number]
    left = [channel for channel in there if channel not in dropped]
    return f"content[{number}]: ids: [{', '.join(left)}]" if left else f"take content[{number}] out of `content`"


def _without_topics(plan: SizePlan, shed: Shed) -> str:
    number, channel = shed.portion.number, shed.portion.channel.id
    asked = plan.loaded.recipe.content[number].channels
    line = f"exclude: [{', '.join((*(asked.exclude if asked else ()), *(topic.id for topic in shed.topics)))}]"
    if sum(each.number == number for each in plan.portions) > 1:
        return f"an entry of its own beside content[{number}]: ids: [{channel}], {line}"
    named = asked is not None and bool(asked.ids)
    return f"content[{number}]: {line}" if named else f"content[{number}]: ids: [{channel}], {line}"
