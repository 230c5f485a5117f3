"""The JSON Schema of recipe files, for editors. Pure.

A recipe file is looser than a recipe: it may leave to another file what is required, write a template where a number
is expected, and take an inherited key away with null. The strict model has the last word when a recipe is loaded.
"""

from __future__ import annotations

from typing import Any

from builder.recipe.merge import EXTENDS
from builder.recipe.model import Recipe

DIALECT = "https://json-schema.org/draft/2020-12/schema"

_TEMPLATE = {"type": "string", "pattern": r"\{[{%]"}
_NOTHING = {"type": "null"}
_SAYS = ("description", "title", "default")
_EXTENDS_SCHEMA = {
    "description": "Files to inherit from, relative to this one. Later ones win over earlier ones, this file over all.",
    "type": "array",
    "items": {"type": "string"},
    "examples": [["lib/debian-pc.yml"]],
}


def recipe_schema() -> dict[str, Any]:
    """The schema of a file in recipes/ or recipes/lib/."""
    strict = Recipe.model_json_schema()
    parts = {name: _loose_part(part) for name, part in strict.pop("$defs").items()}
    whole = _loose_part(strict)
    # Names merge list items, but the name of the recipe itself may be left to another file.
    whole.pop("required", None)
    whole["properties"] = {EXTENDS: _EXTENDS_SCHEMA, **whole["properties"]}
    return {"$schema": DIALECT, **whole, "title": "Satchel recipe", "$defs": parts}


def _loose_part(part: dict[str, Any]) -> dict[str, Any]:
    if "properties" not in part:
        return part
    loose = {key: value for key, value in part.items() if key not in {"required", "title"}}
    loose["properties"] = {name: _loose(value) for name, value in part["properties"].items()}
    if "name" in part.get("required", ()):
        loose["required"] = ["name"]
    return loose


def _loose(schema: dict[str, Any]) -> dict[str, Any]:
    """A value, or a template for it, or null; the description stays outside so that editors show it."""
    said = {key: schema[key] for key in _SAYS if key in schema and key != "title"}
    value = {key: item for key, item in schema.items() if key not in _SAYS}
    if "items" in value:
        value["items"] = _or_template(value["items"])
    return {**said, "anyOf": [*_options(_or_template(value)), _NOTHING]}


def _or_template(schema: dict[str, Any]) -> dict[str, Any]:
    if schema.get("type") in ("object", "array") or "additionalProperties" in schema or schema == {"type": "string"}:
        return schema
    return {"anyOf": [*_options(schema), _TEMPLATE]}


def _options(schema: dict[str, Any]) -> list[dict[str, Any]]:
    if set(schema) == {"anyOf"}:
        return [option for option in schema["anyOf"] if option != _NOTHING]
    return [schema]
