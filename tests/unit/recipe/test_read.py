"""YAML to trees: values, places, and what is not silently something else."""

from __future__ import annotations

from pathlib import Path

import pytest

from builder.errors import Problem
from builder.recipe.read import read
from builder.recipe.tree import MapNode, Place, Plain, Scalar, plain


def load(tmp_path: Path, text: str) -> tuple[MapNode | None, list[Problem]]:
    file = tmp_path / "r.yml"
    file.write_text(text, encoding="utf-8")
    problems: list[Problem] = []
    return read(file, problems), problems


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("12", 12),
        ("-3", -3),
        ("0", 0),
        ("7.5", 7.5),
        ("true", True),
        ("False", False),
        ("null", None),
        ("~", None),
        ('"yes"', "yes"),
        ("'0755'", "0755"),
        ("2026-01-01", "2026-01-01"),
        ("console=ttyS0,115200", "console=ttyS0,115200"),
        ("a{code}", "a{code}"),
        ("=", "="),
    ],
)
def test_scalars(tmp_path: Path, text: str, value: Plain) -> None:
    tree, problems = load(tmp_path, f"key: {text}\n")
    assert (tree and plain(tree), problems) == ({"key": value}, [])


@pytest.mark.parametrize(
    "text", ["yes", "No", "on", "OFF", "0755", "0x1F", "1_000", "22:30", "1:30.5", ".inf", "!x a", ""]
)
def test_traps_are_problems(tmp_path: Path, text: str) -> None:
    _tree, problems = load(tmp_path, f"one: 1\nkey: {text}\n")
    assert [(each.path, each.line) for each in problems] == [("key", 2)]


def test_words_of_yaml_are_fine_as_keys(tmp_path: Path) -> None:
    tree, problems = load(tmp_path, "on: 1\nno: 2\n")
    assert (tree and plain(tree), problems) == ({"on": 1, "no": 2}, [])


def test_every_value_and_key_has_its_place(tmp_path: Path) -> None:
    tree, _problems = load(tmp_path, "a:\n  b: [x, y]\n  c: z\n")
    assert tree is not None
    inner = tree.entries["a"]
    assert isinstance(inner, MapNode)
    assert inner.places["c"] == Place(tmp_path / "r.yml", 3, 3)
    assert inner.entries["c"] == Scalar(value="z", place=Place(tmp_path / "r.yml", 3, 6))


def test_aliases_repeat_their_anchor(tmp_path: Path) -> None:
    tree, problems = load(tmp_path, "a: &x [1]\nb: *x\n")
    assert (tree and plain(tree), problems) == ({"a": [1], "b": [1]}, [])


def test_an_alias_inside_itself_ends(tmp_path: Path) -> None:
    _tree, problems = load(tmp_path, "a: &x [*x]\n")
    assert [each.message for each in problems] == ["this alias contains itself"]


def test_merge_keys_point_to_extends(tmp_path: Path) -> None:
    _tree, problems = load(tmp_path, "a: &x {b: 1}\nc:\n  <<: *x\n")
    assert "extends" in problems[0].hint


def test_a_byte_order_mark_is_no_problem(tmp_path: Path) -> None:
    tree, problems = load(tmp_path, "\ufeffa: 1\n")
    assert (tree and plain(tree), problems) == ({"a": 1}, [])


def test_control_characters_and_directories(tmp_path: Path) -> None:
    _tree, problems = load(tmp_path, "a: \x07\n")
    assert "character" in problems[0].message
    assert read(tmp_path, problems) is None
    assert "cannot be read" in problems[1].message
