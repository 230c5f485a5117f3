"""Loading as a whole: parameters, names of files, places for later problems, strictness."""

from __future__ import annotations

from pathlib import Path

import pytest

from builder.errors import RecipeError
from builder.recipe.load import Loaded, load_recipe
from builder.recipe.model import Recipe
from builder.recipe.problems import as_dicts
from builder.recipe.sources import check_sources, content_directory

RECIPES = Path(__file__).parents[3] / "recipes"
SMALL = """\
version: 1
name: small
description: "A {{ size_word }} server"
params:
  size_word: {type: string, default: small, description: How large}
  root_size: {type: size, default: 1GiB, description: Room}
  loud: {type: boolean, default: false, description: Whether it is loud}
  level: {type: integer, default: 3, description: How hard}
outputs: {zst: "{{ loud }}", zst_level: "{{ level }}"}
disk:
  boot: [uefi]
  partitions:
    - {name: esp, type: esp, size: 64MiB, filesystem: vfat}
    - {name: root, size: "{{ root_size }}", filesystem: ext4, mount: /}
"""


def load(tmp_path: Path, text: str, **settings: str) -> Loaded:
    file = tmp_path / "small.yml"
    file.write_text(text)
    return load_recipe(file, settings=settings)


def test_the_shipped_recipe_loads() -> None:
    loaded = load_recipe(RECIPES / "kolibri-pc.yml")
    assert [file.name for file in loaded.files] == [
        "disk-pc.yml", "debian.yml", "debian-pc.yml", "kolibri.yml", "kolibri-pc.yml",
    ]  # fmt: skip
    assert loaded.recipe.disk.partitions[2].size == 2 * 1024**3


def test_defaults_and_settings_keep_their_types(tmp_path: Path) -> None:
    assert load(tmp_path, SMALL).params == {"size_word": "small", "root_size": "1GiB", "loud": False, "level": 3}
    chosen = load(tmp_path, SMALL, loud="true", level="7", root_size="2 GB", size_word="large")
    assert chosen.recipe.outputs.zst is True
    assert chosen.recipe.outputs.zst_level == 7
    assert chosen.recipe.disk.partitions[1].size == 2 * 10**9
    assert chosen.recipe.description == "A large server"


def test_declarations_are_never_rendered(tmp_path: Path) -> None:
    loaded = load(tmp_path, SMALL.replace("default: small", 'default: "{{ level }}"'))
    assert loaded.params["size_word"] == "{{ level }}"
    assert loaded.recipe.params["size_word"].default == "{{ level }}"


def test_a_template_cannot_reach_into_python(tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match="description"):
        load(tmp_path, SMALL.replace("{{ size_word }}", "{{ size_word.__class__.__mro__ }}"))


def test_names_of_files_are_found_beside_the_file_that_names_them(tmp_path: Path) -> None:
    (tmp_path / "lib").mkdir()
    (tmp_path / "lib/app.yml").write_text("packages: {pip: [{venv: /opt/app, requirements: app.txt}]}\n")
    loaded = load(tmp_path, SMALL + "extends: [lib/app.yml]\n")
    name = loaded.recipe.packages.pip[0].requirements
    assert name == "lib/app.txt"
    assert loaded.path(name) == tmp_path / "lib/app.txt"
    assert [(each.file, each.line) for each in check_sources(loaded, tmp_path)] == [(str(tmp_path / "lib/app.yml"), 1)]
    (tmp_path / "lib/app.txt").write_text("")
    assert check_sources(loaded, tmp_path) == ()


def test_equal_recipes_do_not_depend_on_where_they_lie(tmp_path: Path) -> None:
    loaded = []
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        text = SMALL + "packages: {pip: [{venv: /opt/app, requirements: app.txt}]}\n"
        loaded.append(load(tmp_path / name, text).recipe)
    assert loaded[0] == loaded[1]


def test_a_later_problem_finds_its_place(tmp_path: Path) -> None:
    found = load(tmp_path, SMALL).problem(("disk", "partitions", 1, "size"), "too small", hint="write 2GiB")
    assert (found.line, found.column, found.path) == (14, 26, "disk.partitions[root].size")
    missing = load(tmp_path, SMALL).problem(("disk", "partitions", 1, "free"), "is missing")
    assert (missing.line, missing.column) == (14, 7)


def test_problems_as_dicts(tmp_path: Path) -> None:
    with pytest.raises(RecipeError) as caught:
        load(tmp_path, SMALL + "colour: red\n")
    assert as_dicts(caught.value.problems)[0] | {"file": "", "hint": ""} == {
        "file": "", "line": 15, "column": 1, "path": "", "message": 'there is no key "colour"', "hint": "",
    }  # fmt: skip


def test_a_missing_recipe_names_a_near_one() -> None:
    with pytest.raises(RecipeError, match=r"did you mean .*kolibri-pc\.yml"):
        load_recipe(RECIPES / "kolibr-pc.yml")


def test_an_exported_drive_is_recognised(tmp_path: Path) -> None:
    assert content_directory(tmp_path) is None
    for place in ("databases", "storage"):
        (tmp_path / "KOLIBRI_DATA/content" / place).mkdir(parents=True)
    assert content_directory(tmp_path) == tmp_path / "KOLIBRI_DATA/content"


def test_a_loaded_recipe_survives_json() -> None:
    recipe = load_recipe(RECIPES / "kolibri-pc.yml").recipe
    assert Recipe.model_validate_json(recipe.model_dump_json(exclude_none=True)) == recipe
