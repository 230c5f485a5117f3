"""What a person sees for a bad recipe: each directory in bad/ holds a recipe and the whole text in error.txt.

`settings.txt` holds values as for --set, one a line; an `overlays` directory makes the named files be looked for too.
SATCHEL_UPDATE_GOLDEN=1 writes the texts anew; read the difference before committing it.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from builder.errors import RecipeError
from builder.recipe.load import load_recipe
from builder.recipe.sources import check_sources

BAD = Path(__file__).parent / "bad"
CASES = sorted(recipe.parent.name for recipe in BAD.glob("*/recipe.yml"))


@pytest.mark.parametrize("case", CASES)
def test_bad_recipe(case: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(BAD / case)
    with pytest.raises(RecipeError) as caught:
        load_and_check()
    assert_golden(BAD / case / "error.txt", f"{caught.value}\n".replace(str(BAD), "..."))


def test_there_are_enough_cases() -> None:
    assert len(CASES) >= 28


def load_and_check() -> None:
    settings = Path("settings.txt").read_text().splitlines() if Path("settings.txt").exists() else []
    loaded = load_recipe(Path("recipe.yml"), settings=dict(line.split("=", 1) for line in settings))
    if Path("overlays").is_dir() and (problems := check_sources(loaded, Path("overlays").absolute())):
        raise RecipeError(problems)


def assert_golden(file: Path, text: str) -> None:
    if os.environ.get("SATCHEL_UPDATE_GOLDEN") == "1":
        file.write_text(text)
    assert text == file.read_text()
