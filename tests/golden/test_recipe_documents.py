"""What is generated from the recipe model and from shipped recipes is current.

SATCHEL_UPDATE_GOLDEN=1 writes it anew.
"""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

from builder.recipe.explain import overview, reference, show
from builder.recipe.load import load_recipe
from builder.recipe.read import read
from builder.recipe.schema import recipe_schema
from builder.recipe.tree import plain

ROOT = Path(__file__).parents[2]
GOOD = Path(__file__).parent / "good"
MARK = "<!-- From here on generated"
RECIPES = sorted((ROOT / "recipes").glob("*.yml"))
FILES = [*RECIPES, *sorted((ROOT / "recipes/lib").glob("*.yml"))]


def assert_current(file: Path, text: str) -> None:
    if os.environ.get("SATCHEL_UPDATE_GOLDEN") == "1":
        file.write_text(text)
    assert text == file.read_text()


@pytest.mark.parametrize("recipe", [ROOT / "recipes/kolibri-pc.yml"], ids=lambda file: file.stem)
def test_resolved_recipe(recipe: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    assert_current(GOOD / f"{recipe.stem}.yml", show(load_recipe(recipe)) + "\n")


def test_overview_of_the_keys() -> None:
    assert_current(GOOD / "overview.txt", overview() + "\n")


def test_schema_file_is_current() -> None:
    assert_current(ROOT / "docs/recipe.schema.json", json.dumps(recipe_schema(), indent=1, ensure_ascii=False) + "\n")


def test_manual_lists_every_key() -> None:
    file = ROOT / "docs/recipe.md"
    written, mark, rest = file.read_text().partition(MARK)
    assert mark
    assert_current(file, f"{written}{mark}{rest.splitlines()[0]}\n\n{reference()}")


def test_schema_is_a_schema() -> None:
    Draft202012Validator.check_schema(recipe_schema())


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_shipped_recipes_satisfy_the_schema(file: Path) -> None:
    tree = read(file, [])
    assert tree is not None
    assert [error.message for error in Draft202012Validator(recipe_schema()).iter_errors(plain(tree))] == []


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_shipped_recipes_name_the_schema_for_editors(file: Path) -> None:
    first = file.read_text().splitlines()[0]
    schema = first.removeprefix("# yaml-language-server: $schema=")
    assert (file.parent / schema).resolve() == ROOT / "docs/recipe.schema.json"
