"""Secrets that the devices of a site share: none of them can make one, so whoever prepares them does."""

from __future__ import annotations

from collections.abc import Callable

from seed.makers import MAKERS

from builder.recipe.model import Recipe


def makers_of(recipe: Recipe) -> dict[str, Callable[[], str]]:
    """What makes each of them, by their names in the recipe."""
    return {secret.name: MAKERS[secret.generate] for secret in recipe.secrets if secret.scope == "site"}
