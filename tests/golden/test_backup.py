"""What a recipe with backups becomes on the device; SATCHEL_UPDATE_GOLDEN=1 writes it anew."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from builder.host.places import OVERLAYS
from builder.layers.overlay import OverlayLayer
from builder.recipe.load import load_recipe

HERE = Path(__file__).parent / "backup"
FILES = (
    "usr/lib/satchel/backup.json",
    "usr/lib/systemd/system/satchel-backup.service",
    "usr/lib/systemd/system/satchel-backup.timer",
    "usr/lib/systemd/system/satchel-restore.service",
)


@pytest.mark.parametrize("path", FILES)
def test_what_the_recipe_becomes(path: str) -> None:
    loaded = load_recipe(HERE / "recipe.yml")
    overlay = next(each for each in loaded.recipe.overlays if each.name == "backup")
    layer = OverlayLayer(overlay=overlay, loaded=loaded, directory=OVERLAYS / "backup")
    text = next(placed.data for placed in layer.files() if placed.path == path).decode()
    file = HERE / Path(path).name
    if os.environ.get("SATCHEL_UPDATE_GOLDEN") == "1":
        file.write_text(text)
    assert text == file.read_text()


@pytest.mark.parametrize("every", ["hourly", "daily", "weekly", "monthly", "23:59", "Mon..Fri 02:30", "Sat,Sun 06:00"])
def test_systemd_understands_every_form_of_a_time(every: str, tmp_path: Path) -> None:
    if shutil.which("systemd-analyze") is None:
        pytest.skip("there is no systemd-analyze")
    recipe = tmp_path / "recipe.yml"
    text = (HERE / "recipe.yml").read_text().replace("Mon..Fri 02:30", every).replace("[../", f"[{HERE}/../")
    recipe.write_text(text.replace(", ../", f", {HERE}/../"))
    found = load_recipe(recipe).recipe.backup
    assert found
    subprocess.run(("systemd-analyze", "calendar", found.every), check=True, capture_output=True)
