"""What to leave out when content does not fit: whole channels, or topics of them, and what that would really free.

A file that another channel or topic needs as well is not freed; so everything is tried out, by selecting again and
counting again, and nothing is promised from sums.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Final

from builder.content.sizes.plan import Portion
from builder.errors import PlanError
from builder.kolibri.channels import Channel, read_channel
from builder.kolibri.selection import Choice
from builder.kolibri.topics import Topic, topics_of

_SHOWN: Final = 4
_TRIED: Final = 12
"""Topics that are tried out: each means selecting all of its channel again."""
_DEEPEST: Final = 2
"""Topics below the channel itself that are proposed: what lies deeper frees little."""

_SEVERAL: Final = 8
"""More topics than this are no advice."""
_TOGETHER: Final = 6

Over = Callable[[Sequence[Channel]], int]
"""How many bytes are too much with these channels; negative when there is room left."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Shed:
    """Something to leave out."""

    portion: Portion
    topics: tuple[Topic, ...]
    """Of the channel; none for all of it."""
    frees: int
    """Bytes that become free where they lack."""
    enough: bool
    """Whether everything fits then."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Advice:
    """What to leave out: any one of `single`, or, when no single one is enough, all of `together`."""

    single: tuple[Shed, ...]
    together: tuple[Shed, ...]


def advise(portions: Sequence[Portion], over: Over) -> Advice:
    """What to leave out so that `over` is no longer positive, the smallest loss first.

    Raises:
        PlanError: a database cannot be read.
    """
    topics = {portion.channel.id: _topics(portion) for portion in portions}
    channels = [
        Shed(portion=portion, topics=(), frees=_most(portion.channel, None), enough=False) for portion in portions
    ]
    parts = [_part(portion, (topic,)) for portion in portions for topic in topics[portion.channel.id]]
    before = over([portion.channel for portion in portions])
    enough = _enough(parts, portions, over, before)
    if not enough:
        for portion in portions:
            several = list(_several(portion, topics[portion.channel.id], before))
            enough += _enough(several, portions, over, before)[:1]
    enough = [*enough, *_enough(channels, portions, over, before)]
    if enough:
        single = sorted(_without_doubles(enough), key=lambda each: each.frees)
        return Advice(single=tuple(single[:_SHOWN]), together=())
    return Advice(single=(), together=tuple(_together(channels, portions, over, before)))


def _topics(portion: Portion) -> tuple[Topic, ...]:
    """Those near the top; the first of all is the channel itself."""
    if portion.database is None or portion.made:
        return ()
    return topics_of(portion.database, portion.channel, depth=_DEEPEST)[1:]


def _part(portion: Portion, topics: Sequence[Topic]) -> Shed:
    size = sum(topic.size for topic in topics)
    return Shed(portion=portion, topics=tuple(topics), frees=_most(portion.channel, size), enough=False)


def _several(portion: Portion, topics: Sequence[Topic], lacking: int) -> Iterator[Shed]:
    """The fewest of the highest topics that may be enough together, and a few more, since they may share files."""
    highest = [topic for topic in topics if topic.depth == 1]
    if len(highest) == 1:
        highest = [topic for topic in topics if topic.depth == 2]
    chosen: list[Topic] = []
    for topic in sorted(highest, key=lambda each: -each.size)[: min(_SEVERAL, len(highest) - 1)]:
        chosen.append(topic)
        if len(chosen) > 1 and sum(each.size for each in chosen) >= lacking:
            yield _part(portion, chosen)


def _enough(candidates: Sequence[Shed], portions: Sequence[Portion], over: Over, before: int) -> list[Shed]:
    """Those of the candidates that turn out to be enough, the first few."""
    # What leaving something out frees is at most this much, so smaller ones need not be tried.
    hopeful = sorted((each for each in candidates if each.frees >= before), key=lambda each: each.frees)
    found: list[Shed] = []
    for candidate in hopeful[:_TRIED]:
        tried = _tried(candidate, portions, over, before)
        if tried is not None and tried.enough:
            found.append(tried)
        if len(found) == _SHOWN:
            break
    return found


def _most(channel: Channel, size: int | None) -> int:
    """The most that leaving out files of so many bytes can free: blocks, tables and alignment come on top."""
    return (channel.size if size is None else size) + 8192 * len(channel.files) + (8 << 20)


def _tried(candidate: Shed, portions: Sequence[Portion], over: Over, before: int) -> Shed | None:
    """What leaving it out really brings; None when nothing of its channel would be left."""
    left = _without(candidate, portions)
    if left is None:
        return None
    after = over([portion.channel for portion in left])
    return replace(candidate, frees=before - after, enough=after <= 0)


def _without(candidate: Shed, portions: Sequence[Portion]) -> list[Portion] | None:
    others = [portion for portion in portions if portion.channel.id != candidate.portion.channel.id]
    if not candidate.topics:
        return others
    rest = _reduced(candidate.portion, candidate.topics)
    return None if rest is None else [*others, rest]


def _reduced(portion: Portion, topics: Sequence[Topic]) -> Portion | None:
    channel, database = portion.channel, portion.database
    assert database is not None
    choice = Choice(
        include=channel.nodes,
        exclude=tuple(topic.id for topic in topics),
        unrenderable=channel.unrenderable,
        all_thumbnails=channel.all_thumbnails,
    )
    try:
        return replace(portion, channel=read_channel(database, choice, named=channel.id))
    except PlanError:
        # Nothing would be left: then the channel itself is the thing to leave out.
        return None


def _without_doubles(found: Sequence[Shed]) -> Iterator[Shed]:
    """A topic that has all of the one around it brings the same: the outer one is shown."""
    seen: set[tuple[str, int]] = set()
    for each in sorted(found, key=lambda shed: min((topic.depth for topic in shed.topics), default=0)):
        mark = (each.portion.channel.id, each.frees)
        if mark not in seen:
            seen.add(mark)
            yield each


def _together(candidates: Sequence[Shed], portions: Sequence[Portion], over: Over, before: int) -> Iterator[Shed]:
    """One after the other, whatever frees most, until everything fits; nothing when it never does."""
    chosen: list[Shed] = []
    left, lacking = list(portions), before
    # Whole channels only: what topics of them would add is no longer a choice that one sees at a glance.
    for candidate in sorted(candidates, key=lambda each: -each.frees)[:_TOGETHER]:
        tried = _tried(candidate, left, over, lacking)
        rest = _without(candidate, left)
        if tried is None or rest is None or tried.frees <= 0:
            continue
        chosen.append(tried)
        left, lacking = rest, lacking - tried.frees
        if tried.enough:
            yield from chosen
            return
