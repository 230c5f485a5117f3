"""What several verbs share: the recipe that a person means, and where images stand."""

from __future__ import annotations

from argparse import Namespace
from pathlib import Path

from builder.errors import RecipeError
from builder.host.places import OVERLAYS, RECIPES
from builder.recipe.load import Loaded, load_recipe
from builder.recipe.problems import UnknownWord
from builder.recipe.sources import check_sources

DIST = Path("dist")


def recipe_path(name: str) -> Path:
    """The file that a person means: a path, or the name of a recipe in ./recipes or among those of Satchel."""
    if "/" in name or Path(name).suffix in {".yml", ".yaml"}:
        return Path(name)
    here = Path("recipes", f"{name}.yml")
    shipped = RECIPES / f"{name}.yml"
    if here.exists():
        return here
    if not shipped.exists():
        raise UnknownWord(f"there is no recipe {name}", name, sorted(path.stem for path in RECIPES.glob("*.yml")))
    return shipped


def checked(arguments: Namespace) -> Loaded:
    """The recipe of the options, without a problem that can be found before building."""
    loaded = load_recipe(recipe_path(arguments.recipe), settings=settings(arguments.set))
    problems = check_sources(loaded, OVERLAYS)
    if problems:
        raise RecipeError(problems)
    return loaded


def settings(given: list[str]) -> dict[str, str]:
    """The values of `--set` options, by parameter."""
    pairs = [text.partition("=") for text in given]
    wrong = [name for name, equals, _ in pairs if not equals]
    if wrong:
        raise UnknownWord(f"--set {wrong[0]} sets nothing; write --set NAME=VALUE", wrong[0], ())
    return {name: value for name, _, value in pairs}
