"""Merging: what wins, in which order, and what it says when files contradict each other."""

from __future__ import annotations

from functools import reduce
from pathlib import Path

from builder.errors import Problem
from builder.recipe.merge import gather, merge
from builder.recipe.tree import MapNode, Node, Plain, plain


def merged(tmp_path: Path, **files: str) -> tuple[Plain, list[Problem], list[str]]:
    """The merge of recipe.yml with what it extends."""
    for name, text in files.items():
        (tmp_path / f"{name}.yml").write_text(text)
    problems: list[Problem] = []
    found = gather(tmp_path / "recipe.yml", problems)
    assert found is not None, problems
    trees: list[Node] = list(found.values())
    tree = reduce(lambda base, nearer: merge(base, nearer, problems), trees)
    return plain(tree), problems, [file.stem for file in found]


def test_mappings_and_scalars(tmp_path: Path) -> None:
    tree, _, _ = merged(tmp_path, recipe="extends: [a.yml]\nx: {k: 2, l: 3}\n", a="x: {k: 1, j: 1}\n")
    assert tree == {"x": {"k": 2, "j": 1, "l": 3}}


def test_plain_lists_grow_without_duplicates(tmp_path: Path) -> None:
    tree, _, _ = merged(tmp_path, recipe="extends: [a.yml]\nx: [c, a, c]\n", a="x: [a, b]\n")
    assert tree == {"x": ["a", "b", "c"]}


def test_named_items_merge_in_place(tmp_path: Path) -> None:
    tree, _, _ = merged(
        tmp_path,
        recipe="extends: [a.yml]\nx: [{name: new}, {name: one, size: 2, tags: [u]}]\n",
        a="x: [{name: one, size: 1, tags: [t]}, {name: two}]\n",
    )
    assert tree == {"x": [{"name": "one", "size": 2, "tags": ["t", "u"]}, {"name": "two"}, {"name": "new"}]}


def test_a_name_twice_in_one_file_stays_twice(tmp_path: Path) -> None:
    tree, _, _ = merged(tmp_path, recipe="extends: [a.yml]\nx: [{name: b}, {name: b, k: 1}]\n", a="x: [{name: a}]\n")
    assert tree == {"x": [{"name": "a"}, {"name": "b"}, {"name": "b", "k": 1}]}


def test_a_name_twice_is_not_hidden_by_an_inherited_one(tmp_path: Path) -> None:
    tree, _, _ = merged(
        tmp_path, recipe="extends: [a.yml]\nx: [{name: a, k: 1}, {name: a, k: 2}]\n", a="x: [{name: a}]\n"
    )
    assert tree == {"x": [{"name": "a", "k": 1}, {"name": "a", "k": 2}]}


def test_replace_discards_and_null_takes_away(tmp_path: Path) -> None:
    tree, _, _ = merged(
        tmp_path,
        recipe="extends: [a.yml]\nx: !replace [c]\ny: !replace {k: 1}\nz: null\n",
        a="x: [a]\ny: {j: 1}\nz: {k: 1}\n",
    )
    assert tree == {"x": ["c"], "y": {"k": 1}}


def test_replace_reaches_past_the_nearest_file(tmp_path: Path) -> None:
    tree, _, _ = merged(
        tmp_path,
        recipe="extends: [a.yml, b.yml]\nx: [d]\n",
        a="x: [a]\n",
        b="extends: [c.yml]\nx: !replace [b]\n",
        c="x: [c]\n",
    )
    assert tree == {"x": ["b", "d"]}


def test_a_shared_ancestor_is_taken_once_and_first(tmp_path: Path) -> None:
    tree, _, order = merged(
        tmp_path,
        recipe="extends: [a.yml, b.yml]\n",
        a="extends: [base.yml]\nx: from a\n",
        b="extends: [base.yml]\n",
        base="x: from base\n",
    )
    assert (tree, order) == ({"x": "from a"}, ["base", "a", "b", "recipe"])


def test_other_types_name_both_places(tmp_path: Path) -> None:
    _, problems, _ = merged(tmp_path, recipe="extends: [a.yml]\nx: {y: [1]}\n", a="x:\n  y: 1\n")
    assert (problems[0].path, problems[0].line) == ("x.y", 2)
    assert "a.yml:2:6" in problems[0].message


def test_the_place_is_that_of_the_file_that_set_the_value(tmp_path: Path) -> None:
    (tmp_path / "a.yml").write_text("x: 1\ny: 1\n")
    (tmp_path / "recipe.yml").write_text("extends: [a.yml]\ny: 2\n")
    found = gather(tmp_path / "recipe.yml", [])
    assert found is not None
    base, nearer = found.values()
    tree = merge(base, nearer, [])
    assert isinstance(tree, MapNode)
    assert {key: node.place.file.stem for key, node in tree.entries.items()} == {"x": "a", "y": "recipe"}
