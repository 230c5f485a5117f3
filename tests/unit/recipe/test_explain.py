"""Explaining keys and recipes, starting recipes, and what the editor's schema allows."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
import yaml
from jsonschema import Draft202012Validator

from builder.recipe.explain import explain, show
from builder.recipe.keys import find, walk
from builder.recipe.load import load_recipe
from builder.recipe.new import STARTS, starting_recipe
from builder.recipe.problems import UnknownWord
from builder.recipe.schema import recipe_schema

RECIPES = Path(__file__).parents[3] / "recipes"
SCHEMA = Draft202012Validator(recipe_schema())


def test_a_key_is_explained() -> None:
    text = explain("disk.partitions.filesystem")
    assert text.splitlines()[0] == "disk.partitions.filesystem: word"
    assert "allowed:  vfat, ext4, btrfs" in text


def test_a_default_and_an_example_are_shown() -> None:
    assert "default:  7200000000 (6.7 GiB)" in explain("disk.card")
    assert "example:  512MiB, 8 GB" in explain("disk.card")
    assert "required" in explain("disk.partitions.size").splitlines()[0]


def test_every_key_has_a_description_and_can_be_explained() -> None:
    for key in walk():
        assert key.description, key.path
        assert explain(key.path).startswith(key.path)


def test_an_unknown_key_names_the_near_one_of_its_parent() -> None:
    with pytest.raises(UnknownWord) as caught:
        explain("disk.partition.size")
    assert 'disk has no key "partition"' in str(caught.value)
    assert 'did you mean "partitions"?' in str(caught.value)
    assert caught.value.exit_code == 2


def test_list_indices_may_be_given_or_left_out() -> None:
    assert find(("disk", "partitions", 3, "size")) == find(("disk", "partitions", "size"))
    assert find(("disk", "partitions", "size", "more")) is None


def test_the_shown_recipe_is_the_recipe(tmp_path: Path) -> None:
    shutil.copytree(RECIPES, tmp_path / "recipes")
    loaded = load_recipe(tmp_path / "recipes/kolibri-pc.yml")
    again = tmp_path / "recipes/again.yml"
    again.write_text(show(loaded))
    assert load_recipe(again).recipe == loaded.recipe


def test_a_part_of_a_recipe_is_shown_with_who_set_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(RECIPES)
    loaded = load_recipe(Path("kolibri-pc.yml"), settings={"root_size": "5GiB"})
    size = show(loaded, "disk.partitions.root.size")
    assert yaml.safe_load(size) == {"size": "5GiB"}
    assert "# lib/debian.yml:" in size
    assert size.endswith("{{ root_size }}")
    assert show(loaded, "outputs.bmap").endswith("# default")
    with pytest.raises(UnknownWord, match='has no "rot"'):
        show(loaded, "disk.partitions.rot")


@pytest.mark.parametrize("base", STARTS)
def test_a_starting_recipe_has_no_problems(tmp_path: Path, base: str) -> None:
    shutil.copytree(RECIPES, tmp_path / "recipes")
    file = tmp_path / "recipes/my-box.yml"
    file.write_text(starting_recipe("my-box", base=base))
    assert load_recipe(file).recipe.name == "my-box"
    assert len(file.read_text().splitlines()) <= 20


def test_a_starting_recipe_needs_a_name_and_a_base() -> None:
    with pytest.raises(UnknownWord, match='"My Box" is not a name'):
        starting_recipe("My Box")
    with pytest.raises(UnknownWord, match='did you mean "kolibri-pc"'):
        starting_recipe("my-box", base="kolibri-cp")


@pytest.mark.parametrize(
    "good",
    [
        {"extends": ["lib/a.yml"]},
        {"disk": {"partitions": [{"name": "root", "size": "{{ root_size }}"}]}},
        {"kolibri": {"telemetry": "{{ telemetry }}", "port": 80}},
        {"kolibri": None},
        {"checks": [{"name": "door", "http": {"json_contains": {"0.name": "*"}}}]},
    ],
)
def test_the_schema_takes_what_a_file_may_say(good: object) -> None:
    assert list(SCHEMA.iter_errors(good)) == []


@pytest.mark.parametrize(
    "bad",
    [
        {"extend": []},
        {"disk": {"partitions": [{"size": "1GiB"}]}},
        {"disk": {"partitions": [{"name": "root", "filesystem": "ext3"}]}},
        {"kolibri": {"telemetry": "yes"}},
        {"packages": {"apt": "htop"}},
        {"units": {"enable": ["ssh"]}},
    ],
)
def test_the_schema_refuses_what_is_wrong(bad: object) -> None:
    assert list(SCHEMA.iter_errors(bad)) != []
