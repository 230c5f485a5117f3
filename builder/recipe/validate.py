"""From a merged tree to a frozen recipe, or to every problem in it, each at its place and in human words.

Shape is pydantic's work. Rules between keys are `semantics`' work; each runs as soon as the sections that it reads have
the right shape, so that a typo under `packages` does not hide a mount point that is given twice.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from builder.errors import Problem
from builder.recipe import keys as language
from builder.recipe.merge import EXTENDS
from builder.recipe.model import Recipe
from builder.recipe.problems import nearest, problem, quoted, shown, suggest
from builder.recipe.semantics import findings
from builder.recipe.tree import Broken, Keys, ListNode, MapNode, Place, Scalar, descend, kind, leaves, plain, spell

_STAND_IN = {"version": 1, "name": "x", "description": "x", "disk": {"partitions": [{"name": "x", "size": 1}]}}
"""Stands for required sections that are broken; the rules that would read them do not run."""

_EXPECTED = {
    "string_type": "a text",
    "int_type": "a whole number",
    "int_from_float": "a whole number",
    "bool_type": "true or false",
    "tuple_type": "a list",
    "dict_type": "a mapping of keys to values",
    "model_type": "a mapping of keys to values",
}


def validate(tree: MapNode, problems: list[Problem]) -> Recipe | None:
    """The recipe, or None with problems added."""
    broken = {key for key, node in tree.entries.items() if any(isinstance(leaf, Broken) for leaf in leaves(node))}
    try:
        recipe = Recipe.model_validate_json(json.dumps(plain(tree)), strict=True)
    except ValidationError as error:
        errors = error.errors(include_url=False)
        broken |= {str(each["loc"][0]) for each in errors}
        problems += (found for each in errors if (found := _explain(tree, each)))
        whole = {key: plain(node) for key, node in tree.entries.items() if key not in broken}
        recipe = Recipe.model_validate_json(json.dumps({**_STAND_IN, **whole}), strict=True)
    for finding in findings(recipe, without=broken):
        problems.append(locate(tree, finding.keys, finding.message, hint=finding.hint))
    return None if problems else recipe


def locate(tree: MapNode, keys: Keys, message: str, *, hint: str = "") -> Problem:
    """A problem at the value of a key, or at the nearest mapping around it that somebody wrote."""
    place = descend(tree, keys)[-1].place
    return problem(place, message, path=spell(tree, keys), hint=hint)


def _explain(tree: MapNode, error: ErrorDetails) -> Problem | None:
    """One of pydantic's errors for people; None when its cause is reported already."""
    keys = error["loc"]
    nodes = descend(tree, keys)
    node = nodes[-1]
    if isinstance(node, Broken) and error["type"] != "extra_forbidden":
        return None
    match error["type"]:
        case "missing":
            return _missing(tree, keys, node.place)
        case "extra_forbidden":
            return _unknown_key(tree, keys)
        case "too_short" if isinstance(node, ListNode) and node.items:
            return None
        case "too_short":
            return locate(tree, keys, "must not be empty")
        case "literal_error" | "enum":
            hint = suggest(_written(node), _allowed(error))
            message = f"{quoted(plain(node))} is not one of the allowed values"
            return locate(tree, keys, message + _origin(node), hint=hint)
        case "value_error":
            keys = keys[:-1] if keys[-1] == "[key]" else keys
            place = _key_place(tree, keys) if error["loc"] != keys else node.place
            message = error["msg"].removeprefix("Value error, ")
            return problem(place, message + _origin(node), path=spell(tree, keys), hint=_example(keys))
        case kind_of if kind_of in _EXPECTED:
            message = f"must be {_EXPECTED[kind_of]}, not {_found(node)}{_origin(node)}"
            return locate(tree, keys, message, hint=_conversion(node, kind_of))
        case _:
            message = re.sub("^(Input|String) should", "must", error["msg"])
            message = message.replace("less than or equal to", "at most").replace(
                "greater than or equal to", "at least"
            )
            return locate(tree, keys, f"{message}, not {_found(node)}{_origin(node)}")


def _missing(tree: MapNode, keys: Keys, place: Place) -> Problem:
    key = language.find(keys)
    what = key.description.splitlines()[0] if key and key.description else ""
    where = f"a line `{keys[-1]}: ...` to {shown(place.file)}" if len(keys) == 1 else f"`{keys[-1]}: ...` here"
    return problem(place, f'the key "{keys[-1]}" is missing', path=spell(tree, keys[:-1]), hint=f"add {where}. {what}")


def _unknown_key(tree: MapNode, keys: Keys) -> Problem:
    word, parent = str(keys[-1]), language.find(keys[:-1])
    allowed = [*(parent.children if parent else ()), *([EXTENDS] if len(keys) == 1 else [])]
    homes = [key.path.rpartition(".")[0] for key in language.walk() if key.path.endswith(f".{word}")]
    if homes and nearest(word, allowed, likeness=0.8) is None:
        hint = f'"{word}" is a key of {" and of ".join(homes)}'
    else:
        hint = suggest(word, allowed, of="the keys here are")
    where = spell(tree, keys[:-1])
    return problem(_key_place(tree, keys), f'there is no key "{word}"', path=where, hint=hint)


def _key_place(tree: MapNode, keys: Keys) -> Place:
    parent = descend(tree, keys[:-1])[-1]
    return parent.places[str(keys[-1])] if isinstance(parent, MapNode) else parent.place


def _allowed(error: ErrorDetails) -> Sequence[str]:
    expected = str(error.get("ctx", {}).get("expected", ""))
    return re.findall(r"'([^']*)'", expected) or [expected]


def _written(node: object) -> str:
    return str(node.value) if isinstance(node, Scalar) else ""


def _found(node: object) -> str:
    match node:
        case Scalar(value=str() as text):
            return f"the text {quoted(text)}"
        case Scalar(value=None):
            return "null"
        case Scalar(value=value):
            return quoted(value)
        case ListNode() | MapNode():
            return kind(node)
        case _:
            return "this"


def _origin(node: object) -> str:
    return f" (from {quoted(node.template)})" if isinstance(node, Scalar) and node.template else ""


def _example(keys: Keys) -> str:
    key = language.find(keys)
    return f"for example {key.example}" if key and key.example else ""


def _conversion(node: object, expected: str) -> str:
    match expected, node:
        case "string_type", Scalar(value=value) if value is not None and not isinstance(value, str):
            return f'write it in quotes: "{quoted(value)}"'
        case "tuple_type", Scalar(value=str() as text):
            return f"write [{text}]"
        case "int_type" | "bool_type", Scalar(value=str() as text, template="") if text.isdigit() or text in {
            "true",
            "false",
        }:
            return "write it without quotes"
        case _:
            return ""
