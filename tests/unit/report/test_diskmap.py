"""The numbers beneath the map: near their partitions, never upon one another."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from builder.report.diskmap import disk_map, spread
from builder.report.facts import ReportFacts, Usage
from builder.units import GIB
from tests.unit.finished_image import LOCK, MANIFEST


@given(wanted=st.lists(st.floats(0, 360), max_size=13).map(sorted))
def test_numbers_keep_apart_and_inside(wanted: list[float]) -> None:
    places = spread(wanted, width=360, step=26)
    assert all(right - left >= 26 - 1e-6 for left, right in itertools.pairwise(places))
    assert all(13 - 1e-6 <= place <= 347 + 1e-6 for place in places)


def test_numbers_that_have_room_stay_where_they_belong() -> None:
    assert spread([50, 150, 300], width=360, step=26) == [50, 150, 300]


def test_the_map_is_to_scale() -> None:
    usage = (Usage(partition="root", used_bytes=GIB, free_bytes=2 * GIB),)
    facts = ReportFacts(manifest=MANIFEST, lock=LOCK, timings=(), shares=(), usage=usage)
    bios, root, _, data = disk_map(facts, width=1024, badge=26)
    assert root.width == pytest.approx(768)
    assert root.filled == pytest.approx(256)
    assert root.x == pytest.approx(2)
    assert bios.width == 1.5
    assert data.x + data.width <= 1024
