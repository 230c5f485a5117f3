"""The Quadlet files that a recipe becomes; SATCHEL_UPDATE_GOLDEN=1 writes them anew."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from builder.layers.quadlets import quadlet
from builder.recipe.load import load_recipe

HERE = Path(__file__).parent / "quadlets"


@pytest.mark.parametrize("name", ["least", "most", "by-hand"])
def test_quadlet(name: str) -> None:
    containers = load_recipe(HERE / "recipe.yml").recipe.containers
    assert containers is not None
    unit = next(unit for unit in containers.units if unit.name == name)
    text, file = quadlet(unit, containers), HERE / f"{name}.container"
    if os.environ.get("SATCHEL_UPDATE_GOLDEN") == "1":
        file.write_text(text)
    assert text == file.read_text()
