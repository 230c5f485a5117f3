from pathlib import Path

import pytest

from builder.host.places import RECIPES
from builder.kolibri.demo.channel import make_demo_channel
from builder.kolibri.fit import content_problems
from builder.recipe.load import load_recipe

RECIPE = """\
version: 1
name: school
description: a school
extends: [{recipes}/kolibri-pc.yml]
{more}
content: !replace
  - drive: {{directory: drive}}
"""


@pytest.fixture(scope="module")
def drive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("recipe")
    make_demo_channel(place / "drive" / "content", languages=["en", "fr", "es", "sw"], lessons=12)
    return place


def problems(place: Path, more: str) -> list[str]:
    (place / "school.yml").write_text(RECIPE.format(recipes=RECIPES, more=more))
    return [str(problem) for problem in content_problems(load_recipe(place / "school.yml"))]


def test_what_fits_is_no_problem(drive: Path) -> None:
    assert problems(drive, "") == []


def test_a_fixed_partition_can_be_too_small(drive: Path) -> None:
    (text,) = problems(drive, "disk: {partitions: [{name: content, size: 64KiB}]}")
    assert "school.yml:7:5" in text
    assert "the channels need" in text
    assert "but partition content has 64.0 KiB" in text


def test_a_card_can_be_too_small(drive: Path) -> None:
    fixed = (4 + 256 + 2048 + 512) << 20
    (text,) = problems(drive, f"disk: {{card: {fixed + (10 << 20)}}}")
    assert "but the other partitions leave 10.0 MiB on a card of" in text
