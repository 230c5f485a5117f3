from __future__ import annotations

import pytest

from builder.boot.outside import contradictions

DOCUMENT = [{"name": "Demo", "count": 0, "tags": []}]


@pytest.mark.parametrize(
    ("wanted", "count"),
    [
        ({"0.name": "Demo"}, 0),
        ({"0.name": "*"}, 0),
        ({"0.name": "Other"}, 1),
        ({"0.count": 0}, 0),
        ({"0.count": "*"}, 1),
        ({"0.tags": "*", "0.missing": "*", "1.name": "*", "name": "*"}, 4),
        ({}, 0),
    ],
)
def test_values_by_dotted_path(wanted: dict[str, object], count: int) -> None:
    assert len(contradictions(DOCUMENT, wanted)) == count


def test_a_contradiction_names_path_and_both_values() -> None:
    assert contradictions(DOCUMENT, {"0.name": "Other"}) == ('0.name is "Demo", but must be "Other"',)
