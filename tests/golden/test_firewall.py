"""The firewall that a recipe becomes; SATCHEL_UPDATE_GOLDEN=1 writes it anew."""

from __future__ import annotations

import json
import os
from pathlib import Path

from builder.host.places import OVERLAYS
from builder.recipe.load import load_recipe
from builder.templates import compiled

HERE = Path(__file__).parent / "firewall"
LIBRARIES = ("debian-pc", "firewall")


def rules(recipe: Path = HERE / "recipe.yml") -> str:
    """What the device loads."""
    template = OVERLAYS / "firewall/etc/nftables.conf.j2"
    return compiled(template.read_text()).render(recipe=load_recipe(recipe).recipe)


def test_rules() -> None:
    file = HERE / "nftables.conf"
    if os.environ.get("SATCHEL_UPDATE_GOLDEN") == "1":
        file.write_text(rules())
    assert rules() == file.read_text()


def test_a_device_without_containers_is_closed_too(tmp_path: Path) -> None:
    libraries = [os.path.relpath(HERE.parents[2] / "recipes/lib" / f"{name}.yml", tmp_path) for name in LIBRARIES]
    recipe = tmp_path / "recipe.yml"
    recipe.write_text(f"{{version: 1, name: small, description: Small, extends: {json.dumps(libraries)}}}")
    assert "policy drop" in rules(recipe)
    assert "dnat" not in rules(recipe)
