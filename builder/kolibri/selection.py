"""Which resources of a channel are taken, and what comes along with them. Pure.

What counts as a resource, and which topics bring their thumbnails, follows Kolibri 0.19
(kolibri/core/content/utils/import_export_content.py): resources that Kolibri can show, all their files, and the files
of the topics around them.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from builder.errors import PlanError

RENDERABLE: Final = frozenset(
    {
        "audio", "bloompub", "document", "epub", "exercise", "h5p", "high_res_video", "html5_zip", "imscp_zip",
        "low_res_video", "qti", "slideshow_manifest",
    }
)  # fmt: skip
"""File presets that Kolibri's viewers show (`ContentRendererHook.presets`); resources without one are not imported."""

_TOPIC: Final = "topic"


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """What somebody wants of a channel; all that Kolibri can show, when nothing else is said."""

    include: tuple[str, ...] = ()
    """Nodes to take with everything below them; all when empty."""
    exclude: tuple[str, ...] = ()
    """Nodes to leave out with everything below them."""
    languages: tuple[str, ...] = ()
    """Codes such as `sw`, or `pt-BR`; `pt` means every Portuguese. Resources that name no language are always taken."""
    unrenderable: bool = False
    """Also resources that Kolibri cannot show."""
    all_thumbnails: bool = False
    """Also the thumbnails of resources that are not taken."""


@dataclass(frozen=True, slots=True)
class Node:
    """A node of a channel's tree, with its place in the nested sets."""

    id: str
    kind: str
    left: int
    right: int
    language: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """What is taken, by id."""

    resources: frozenset[str]
    topics: frozenset[str]
    """Topics around the resources, whose thumbnails come along."""
    cover: tuple[str, ...]
    """The fewest nodes that stand for all of the resources."""


def select(
    nodes: Sequence[Node],
    presets: Iterable[tuple[str, str]],
    choice: Choice,
    *,
    offered: Collection[str] | None,
    channel: str,
) -> Selection:
    """Select from all nodes of a channel, in the order of its tree.

    Args:
        nodes: All of them, by `left`.
        presets: Node and preset of every file.
        choice: What is wanted.
        offered: Nodes that the source has, with everything below; None for all.
        channel: Its name, for messages.

    Raises:
        PlanError: the choice names a node that the channel does not have, or leaves nothing.
    """
    known = {node.id for node in nodes}
    strangers = [node for node in (*choice.include, *choice.exclude) if node not in known]
    if strangers:
        raise PlanError(
            f"the channel {channel} has no node {strangers[0]}",
            details="\n".join(strangers[1:]),
            hint="`satchel content list --nodes` shows the ids of its topics",
        )
    shown = {node for node, preset in presets if preset in RENDERABLE}
    possible = [node for node in nodes if node.kind != _TOPIC and (choice.unrenderable or node.id in shown)]
    wanted = {node.id for node in _below(nodes, choice.include)} if choice.include else known
    if offered is not None:
        wanted &= {node.id for node in _below(nodes, offered)}
    wanted -= {node.id for node in _below(nodes, choice.exclude)}
    resources = [node for node in possible if node.id in wanted and _speaks(node, choice.languages)]
    if possible and not resources and (choice.include or choice.exclude or choice.languages):
        raise PlanError(f"nothing of the channel {channel} is left by include, exclude and languages")
    return Selection(
        resources=frozenset(node.id for node in resources),
        topics=frozenset(node.id for node in _around(resources, nodes)),
        cover=_cover(nodes, resources, possible),
    )


def _speaks(node: Node, languages: Sequence[str]) -> bool:
    if not languages or node.language is None:
        return True
    spoken = node.language.lower()
    return any(spoken == code.lower() or spoken.startswith(f"{code.lower()}-") for code in languages)


def _below(nodes: Sequence[Node], tops: Collection[str]) -> list[Node]:
    """The named nodes and everything below them."""
    found = []
    end = -1
    for node in nodes:
        if node.id in tops:
            end = max(end, node.right)
        if node.left <= end:
            found.append(node)
    return found


def _around(resources: Sequence[Node], nodes: Sequence[Node]) -> list[Node]:
    """The topics that Kolibri takes along with the resources, for their thumbnails."""
    if not resources:
        return []
    first, last = min(node.left for node in resources), max(node.right for node in resources)
    return [node for node in nodes if node.kind == _TOPIC and node.left <= last and node.right >= first]


def _cover(nodes: Sequence[Node], resources: Sequence[Node], possible: Sequence[Node]) -> tuple[str, ...]:
    """Topics of which everything possible is taken stand for what is below them."""
    taken, all_lefts = [node.left for node in resources], [node.left for node in possible]
    chosen = {node.id for node in resources}
    cover = []
    end = -1
    for node in nodes:
        if node.left <= end:
            continue
        inside = _count(taken, node)
        if node.id in chosen or (node.kind == _TOPIC and inside and inside == _count(all_lefts, node)):
            cover.append(node.id)
            end = node.right
    return tuple(cover)


def _count(lefts: Sequence[int], node: Node) -> int:
    return bisect_right(lefts, node.right) - bisect_left(lefts, node.left)
