"""What is taken of a channel, and the fewest nodes that say so."""

from __future__ import annotations

import pytest

from builder.errors import PlanError
from builder.kolibri.selection import Choice, Node, Selection, select

NODES = (
    Node("root", "topic", 1, 16, None),
    Node("maths", "topic", 2, 7, None),
    Node("add", "video", 3, 4, "en"),
    Node("count", "html5", 5, 6, "en-GB"),
    Node("swahili", "topic", 8, 13, None),
    Node("soma", "document", 9, 10, "sw"),
    Node("flash", "html5", 11, 12, "sw"),
    Node("song", "audio", 14, 15, None),
)
PRESETS = [("add", "high_res_video"), ("count", "html5_zip"), ("soma", "document"), ("song", "audio"), ("flash", "x")]


def selected(offered: set[str] | None = None, **choice: object) -> Selection:
    return select(NODES, PRESETS, Choice(**choice), offered=offered, channel="Primary")  # type: ignore[arg-type]


def test_everything_that_can_be_shown_is_the_root() -> None:
    found = selected()
    assert found.resources == {"add", "count", "soma", "song"}
    assert found.cover == ("root",)
    assert found.topics == {"root", "maths", "swahili"}


def test_what_cannot_be_shown_is_taken_only_when_asked_for() -> None:
    assert "flash" in selected(unrenderable=True).resources


@pytest.mark.parametrize(
    ("choice", "resources", "cover"),
    [
        ({"include": ("maths",)}, {"add", "count"}, ("maths",)),
        ({"include": ("add", "swahili")}, {"add", "soma"}, ("add", "swahili")),
        ({"exclude": ("maths",)}, {"soma", "song"}, ("swahili", "song")),
        ({"include": ("maths",), "exclude": ("add",)}, {"count"}, ("count",)),
        ({"languages": ("sw",)}, {"soma", "song"}, ("swahili", "song")),
        ({"languages": ("en",)}, {"add", "count", "song"}, ("maths", "song")),
        ({"languages": ("en-gb",)}, {"count", "song"}, ("count", "song")),
    ],
)
def test_a_part_is_named_by_the_fewest_nodes(choice, resources, cover) -> None:
    found = selected(**choice)
    assert found.resources == resources
    assert found.cover == cover
    assert selected(include=found.cover).resources == resources


def test_only_what_the_source_offers_is_taken() -> None:
    assert selected({"maths", "song"}, exclude=("add",)).resources == {"count", "song"}


def test_only_topics_around_the_resources_bring_their_pictures() -> None:
    assert selected(include=("maths",)).topics == {"root", "maths"}


def test_a_node_that_the_channel_does_not_have_is_named() -> None:
    with pytest.raises(PlanError, match="the channel Primary has no node physics"):
        selected(include=("maths", "physics"))


def test_leaving_nothing_is_refused() -> None:
    with pytest.raises(PlanError, match="nothing of the channel Primary is left"):
        selected(include=("maths",), languages=("sw",))
