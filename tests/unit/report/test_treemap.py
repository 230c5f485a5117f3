"""Areas: in proportion, inside, without overlap; labels that fit."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from builder.report.facts import Share
from builder.report.treemap import Box, squarified, treemap

SIZES = st.lists(st.integers(1, 10**9), min_size=1, max_size=40).map(lambda sizes: sorted(sizes, reverse=True))
FRAME = Box(x=10, y=20, width=600, height=400)


def share(layer: str, name: str, size: int) -> Share:
    return Share(layer=layer, kind="deb", name=name, size_bytes=size)


@given(sizes=SIZES)
def test_boxes_fill_the_frame_in_proportion(sizes: list[int]) -> None:
    boxes = list(squarified(sizes, FRAME))
    for size, box in zip(sizes, boxes, strict=True):
        assert box.area == pytest.approx(size / sum(sizes) * FRAME.area, rel=1e-6)
        assert box.x >= FRAME.x - 1e-6
        assert box.y >= FRAME.y - 1e-6
        assert box.x + box.width <= FRAME.x + FRAME.width + 1e-4
        assert box.y + box.height <= FRAME.y + FRAME.height + 1e-4
    for one, other in itertools.combinations(boxes, 2):
        assert _overlap(one, other) <= 1e-3


def _overlap(one: Box, other: Box) -> float:
    width = min(one.x + one.width, other.x + other.width) - max(one.x, other.x)
    height = min(one.y + one.height, other.y + other.height) - max(one.y, other.y)
    return max(0.0, width) * max(0.0, height)


def test_the_example_of_the_paper() -> None:
    boxes = [(box.width, box.height) for box in squarified([6, 6, 4, 3, 2, 2, 1], Box(x=0, y=0, width=6, height=4))]
    assert boxes[:2] == [(3, 2), (3, 2)]
    assert boxes[2] == pytest.approx((12 / 7, 7 / 3))


def test_nothing_gives_nothing() -> None:
    assert treemap([], width=100, height=100) == ()
    assert treemap([share("base", "empty", 0)], width=100, height=100) == ()


def test_small_things_are_drawn_together_and_nothing_is_lost() -> None:
    shares = [share("apt", "large", 10**8), *(share("apt", f"small-{number}", 1000) for number in range(50))]
    shares += [share("units", "/etc", 100), share("users", "/home", 200)]
    groups = treemap(shares, width=600, height=400)
    assert [(group.name, group.size_bytes) for group in groups] == [("apt", 10**8 + 50_000), ("small layers", 300)]
    assert [cell.name for cell in groups[0].cells] == ["large", "50 smaller"]
    assert sum(cell.size_bytes for group in groups for cell in group.cells) == sum(item.size_bytes for item in shares)


@given(sizes=SIZES, name=st.sampled_from(["libpython3.13-stdlib", "/usr/lib/x86_64-linux-gnu/dri", "vim"]))
def test_no_label_is_wider_than_its_box(sizes: list[int], name: str) -> None:
    for group in treemap([share("apt", name, size) for size in sizes], width=360, height=640):
        for cell in group.cells:
            assert len(cell.label) * 6 <= cell.box.width


def test_paths_are_shortened_from_the_left() -> None:
    shares = [share("apt", "/usr/lib/x86_64-linux-gnu/modules", 1)]
    labels = [treemap(shares, width=width, height=200)[0].cells[0].label for width in (300, 120, 56, 40)]
    assert labels == ["/usr/lib/x86_64-linux-gnu/modules", "…/modules", "modu…", ""]
