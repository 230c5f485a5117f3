"""What the model says of each key, in words: for `satchel explain`, the reference and the advice in problems. Pure.

The words come from the JSON Schema that pydantic derives from the model, so nothing is said twice.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from builder.recipe.model import Recipe
from builder.units import format_size

Schema = Mapping[str, Any]

_ANY_NAME = "NAME"
"""Stands for the names that people choose, as in `params.NAME.type`."""

_WORDS = {
    "string": "text",
    "integer": "whole number",
    "number": "number",
    "boolean": "true or false",
    "size": "size",
    "size-or-fit": 'size, or "fit"',
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Key:
    """One key of the recipe language; `children` are the keys inside it."""

    path: str
    type: str
    description: str
    required: bool
    default: str
    allowed: tuple[str, ...]
    shape: str
    example: str
    children: tuple[str, ...]


def find(keys: Sequence[str | int]) -> Key | None:
    """The key at a path, where list indices may be given or left out; None when there is no such key."""
    schema: Schema = _root()
    required = False
    for key in keys:
        parent = _plain(schema) if isinstance(key, int) else _item(schema)
        step = _step(parent, key)
        if step is None:
            return None
        required = key in parent.get("required", ())
        schema = step
    return _key(".".join(str(key) for key in keys if isinstance(key, str)), schema, required)


def walk(prefix: tuple[str, ...] = ()) -> Iterator[Key]:
    """Every key below a path, in the order of the model, each before the keys inside it."""
    start = find(prefix)
    for child in start.children if start else ():
        path = (*prefix, child)
        key = find(path)
        assert key is not None, path
        yield key
        yield from walk(path)


@cache
def _root() -> Schema:
    return Recipe.model_json_schema()


def _plain(schema: Schema) -> Schema:
    """Without reference and without the possibility of null."""
    options = [option for option in schema.get("anyOf", ()) if option.get("type") != "null"]
    if len(options) == 1:
        inner = _plain(options[0])
        return {**inner, **{key: value for key, value in schema.items() if key != "anyOf"}}
    if "$ref" in schema:
        name = str(schema["$ref"]).rpartition("/")[2]
        return {**_root()["$defs"][name], **{key: value for key, value in schema.items() if key != "$ref"}}
    return schema


def _item(schema: Schema) -> Schema:
    """What stands in a list, or the schema itself when it is no list."""
    schema = _plain(schema)
    return _item(schema["items"]) if schema.get("type") == "array" else schema


def _step(schema: Schema, key: str | int) -> Schema | None:
    found: Schema | None
    if isinstance(key, int):
        found = schema.get("items")
    else:
        found = schema.get("properties", {}).get(key) or _chosen_names(schema)
    return found if isinstance(found, Mapping) else None


def _chosen_names(schema: Schema) -> Schema | None:
    """What stands under names that people choose, as in `params`."""
    for found in (*schema.get("patternProperties", {}).values(), schema.get("additionalProperties")):
        if isinstance(found, Mapping):
            return found
    return None


def _key(path: str, schema: Schema, required: bool) -> Key:
    whole, item = _plain(schema), _item(schema)
    children = tuple(item.get("properties", {}))
    if not children and _chosen_names(item):
        children = (_ANY_NAME,)
    allowed = item.get("enum", [item["const"]] if "const" in item else [])
    examples = whole.get("examples") or item.get("examples") or []
    return Key(
        path=path,
        type=_type(whole),
        description=str(whole.get("description", "")),
        required=required,
        default="" if children else _default(whole),
        allowed=tuple(str(each) for each in allowed),
        shape=str(item.get("patternErrorMessage", "") or _limits(item)),
        example=", ".join(str(each) for each in examples),
        children=children,
    )


def _type(schema: Schema) -> str:
    if schema.get("type") == "array":
        inner = _plain(schema["items"])
        return "list of mappings" if inner.get("type") == "object" else f"list of {_type(inner)}s"
    if schema.get("type") == "object":
        return "mapping"
    if "anyOf" in schema and isinstance(schema.get("anyOf"), list):
        return ", ".join(_type(option) for option in schema["anyOf"])
    if "const" in schema or "enum" in schema:
        return "word" if schema.get("type") == "string" else "number"
    return _WORDS.get(str(schema.get("format", schema.get("type"))), "value")


def _limits(schema: Schema) -> str:
    if "maximum" in schema:
        return f"{schema.get('minimum', 0)} to {schema['maximum']}"
    if "maxLength" in schema:
        return f"at most {schema['maxLength']} characters"
    return ""


def _default(schema: Schema) -> str:
    value = schema.get("default")
    if schema.get("format") == "size" and isinstance(value, int):
        return f"{value} ({format_size(value)})"
    if value is None or value in ([], {}):
        return ""
    return value if isinstance(value, str) else json.dumps(value)
