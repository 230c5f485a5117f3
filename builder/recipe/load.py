"""Loading a recipe: files, inheritance, parameters and validation, with all problems at once.

Owns the order of the phases. A file that cannot be read ends the work after all files were looked at, because a recipe
with a part missing is full of problems that are none.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import reduce
from pathlib import Path
from types import MappingProxyType

from builder.errors import Problem, RecipeError
from builder.recipe.merge import gather, merge
from builder.recipe.model import Recipe
from builder.recipe.params import Value, declared, render, resolve
from builder.recipe.problems import normal, reading_order
from builder.recipe.tree import Keys, MapNode, Node, Scalar, scalars_replaced
from builder.recipe.validate import locate, validate


@dataclass(frozen=True, slots=True, kw_only=True)
class Loaded:
    """A recipe with its parameters' values, the files it came from and the place of every value."""

    recipe: Recipe
    params: Mapping[str, Value]
    source: Path
    files: tuple[Path, ...]
    """All files, in the order of merging; the recipe itself is the last."""
    tree: MapNode

    def path(self, name: str) -> Path:
        """The file that a name in the recipe means.

        Names of files are written relative to the file that names them; loading makes them relative to the recipe's
        own directory, so that recipes are equal wherever the checkout lies.
        """
        return normal(self.source.parent / name)

    def problem(self, keys: Keys, message: str, *, hint: str = "") -> Problem:
        """A problem found later, at the place that a person has to edit; keys such as `("disk", "partitions", 2)`."""
        return locate(self.tree, keys, message, hint=hint)


def load_recipe(path: Path, *, settings: Mapping[str, str] = MappingProxyType({})) -> Loaded:
    """The recipe in a file, merged with what it extends; `settings` are values for its parameters.

    Raises:
        RecipeError: with every problem, in reading order.
    """
    source = normal(path)
    problems: list[Problem] = []
    parts = gather(source, problems)
    if parts is None:
        raise RecipeError(reading_order(problems, source))
    trees: list[Node] = list(parts.values())
    tree = _as_mapping(reduce(lambda base, nearer: merge(base, nearer, problems), trees))
    values = resolve(declared(tree), settings, tree, problems)
    tree = _with_names_from(source.parent, render(tree, values, problems))
    recipe = validate(tree, problems)
    if recipe is None or problems:
        raise RecipeError(reading_order(problems, source))
    return Loaded(recipe=recipe, params=MappingProxyType(values), source=source, files=tuple(parts), tree=tree)


def _as_mapping(node: Node) -> MapNode:
    assert isinstance(node, MapNode)
    return node


def _with_names_from(directory: Path, tree: MapNode) -> MapNode:
    """The tree with the names of files relative to one directory instead of to the file that names them."""

    def moved(keys: Keys, scalar: Scalar) -> Node:
        if not isinstance(scalar.value, str) or not _names_a_file(keys) or _stays(scalar.value):
            return scalar
        return replace(scalar, value=os.path.relpath(scalar.place.file.parent / scalar.value, directory))

    return _as_mapping(scalars_replaced(tree, moved))


def _stays(name: str) -> bool:
    """An address, and a path that means the same from everywhere."""
    return "://" in name or Path(name).is_absolute()


def _names_a_file(keys: Keys) -> bool:
    match keys:
        case ("packages", "pip", int(), "requirements"):
            return True
        case ("content", int(), "channels", "sources", int(), "drive" | "home" | "archive"):
            return True
        case ("content", int(), "files", "tree"):
            return True
        case ("containers", "images", int(), "archive"):
            return True
        case ("containers", "images", int(), "build", "packages", "pip", int(), "requirements"):
            return True
        case _:
            return False
