"""The configuration of PostgreSQL that a recipe becomes; SATCHEL_UPDATE_GOLDEN=1 writes it anew."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from builder.host.places import OVERLAYS
from builder.layers.overlay import OverlayLayer
from builder.recipe.load import load_recipe

HERE = Path(__file__).parent / "postgres"
FILES = (
    "etc/satchel/postgres/pg_hba.conf",
    "etc/satchel/postgres/pg_ident.conf",
    "etc/satchel/postgres/postgresql.conf",
    "usr/lib/satchel/postgres.json",
    "usr/lib/systemd/system/satchel-postgres.service",
)


@pytest.mark.parametrize("path", FILES)
def test_what_the_recipe_becomes(path: str) -> None:
    loaded = load_recipe(HERE / "recipe.yml")
    overlay = next(each for each in loaded.recipe.overlays if each.name == "postgres")
    layer = OverlayLayer(overlay=overlay, loaded=loaded, directory=OVERLAYS / "postgres")
    text = next(placed.data for placed in layer.files() if placed.path == path).decode()
    file = HERE / Path(path).name
    if os.environ.get("SATCHEL_UPDATE_GOLDEN") == "1":
        file.write_text(text)
    assert text == file.read_text()
