"""The firewall that a recipe becomes; SATCHEL_UPDATE_GOLDEN=1 writes it anew."""

from __future__ import annotations

import os
from pathlib import Path

from builder.host.places import OVERLAYS
from builder.recipe.load import load_recipe
from builder.templates import compiled

HERE = Path(__file__).parent / "firewall"


def rules(recipe: Path = HERE / "recipe.yml") -> str:
    """What the device loads."""
    template = OVERLAYS / "firewall/etc/nftables.conf.j2"
    return compiled(template.read_text()).render(recipe=load_recipe(recipe).recipe)


def test_rules() -> None:
    file = HERE / "nftables.conf"
    if os.environ.get("SATCHEL_UPDATE_GOLDEN") == "1":
        file.write_text(rules())
    assert rules() == file.read_text()
