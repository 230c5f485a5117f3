"""Parameters: their values, and the texts of a recipe that are written with them.

A text that is one single expression, `"{{ telemetry }}"`, takes the value itself, so that a truth value stays one;
anything else is rendered to text. The declarations under `params` are never rendered.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping

from jinja2 import TemplateSyntaxError, meta
from pydantic import ValidationError

from builder.errors import Problem
from builder.recipe.model import Parameter
from builder.recipe.problems import problem, quoted, suggest
from builder.recipe.tree import Broken, Keys, MapNode, Node, Scalar, plain, scalars_replaced, spell
from builder.templates import TEMPLATE_ERRORS, environment
from builder.units import parse_size

Value = str | int | bool

_SINGLE = re.compile(r"\{\{((?:(?!\}\}).)+)\}\}")
_KINDS = {"string": "a text", "integer": "a whole number", "boolean": "true or false", "size": "a size"}
_WHOLE = re.compile(r"[+-]?[0-9]+")


def value_of(parameter: Parameter, given: Value) -> Value:
    """The value that was given, in a recipe or as text on the command line.

    Raises:
        ValueError: it is not of the parameter's kind; the message says what would be.
    """
    match parameter.type, given:
        case "string", str():
            return given
        case "integer", int() if not isinstance(given, bool):
            return given
        case "integer", str() if _WHOLE.fullmatch(given):
            return int(given)
        case "boolean", bool():
            return given
        case "boolean", "true" | "false":
            return given == "true"
        case "size", str() | int():
            parse_size(given)
            return given
        case "choice", str() if given in parameter.choices:
            return given
        case "choice", _:
            raise ValueError(f"{quoted(given)} is not a choice; {suggest(str(given), parameter.choices)}")
        case kind, _:
            raise ValueError(f"{quoted(given)} is not {_KINDS[kind]}")


def declared(tree: MapNode) -> dict[str, Parameter]:
    """The parameters that are declared well; what is wrong with others is found by validation."""
    node = tree.entries.get("params")
    found = {}
    for name, declaration in node.entries.items() if isinstance(node, MapNode) else ():
        try:
            found[name] = Parameter.model_validate_json(json.dumps(plain(declaration)), strict=True)
        except ValidationError:
            continue
    return found


def resolve(
    parameters: Mapping[str, Parameter], settings: Mapping[str, str], tree: MapNode, problems: list[Problem]
) -> dict[str, Value]:
    """The value of each parameter: the setting or else the default. One without a right value is left out."""
    declarations = tree.entries.get("params")
    names = declarations.entries if isinstance(declarations, MapNode) else {}
    for name in settings.keys() - names.keys():
        hint = suggest(name, names, of="the parameters are") or "this recipe declares none under `params`"
        problems.append(problem(tree.place, f"--set {name}: there is no such parameter", hint=hint))
    values = {}
    for name, parameter in parameters.items():
        try:
            values[name] = value_of(parameter, settings.get(name, parameter.default))
        except ValueError as error:
            if name in settings:
                message = f"--set {name}={settings[name]}: {error}"
                place = declarations.places[name] if isinstance(declarations, MapNode) else tree.place
                problems.append(problem(place, message, path=f"params.{name}", hint=parameter.description))
    return values


def render(tree: MapNode, values: Mapping[str, Value], problems: list[Problem]) -> MapNode:
    """The tree with every template replaced by its value; a template that fails becomes broken."""
    declarations = tree.entries.get("params")
    names = declarations.entries.keys() if isinstance(declarations, MapNode) else set()

    def rendered(keys: Keys, scalar: Scalar) -> Node:
        text = scalar.value
        if not isinstance(text, str) or keys[0] == "params" or not ("{{" in text or "{%" in text):
            return scalar
        path = spell(tree, keys)
        try:
            used = meta.find_undeclared_variables(environment().parse(text))
            for unknown in sorted(used - names):
                hint = suggest(unknown, sorted(names), of="the parameters are") or "declare it under `params`"
                problems.append(problem(scalar.place, f'there is no parameter "{unknown}"', path=path, hint=hint))
            if not used <= values.keys():
                return Broken(place=scalar.place)
            return Scalar(value=_evaluate(text, values), place=scalar.place, template=text)
        except TEMPLATE_ERRORS as error:
            what = error.message if isinstance(error, TemplateSyntaxError) else str(error)
            problems.append(problem(scalar.place, f"the template {quoted(text)} fails: {what}", path=path))
            return Broken(place=scalar.place)

    result = scalars_replaced(tree, rendered)
    assert isinstance(result, MapNode)
    return result


def _evaluate(text: str, values: Mapping[str, Value]) -> Value:
    single = _SINGLE.fullmatch(text.strip())
    if single is None:
        return environment().from_string(text).render(values)
    value = environment().compile_expression(single[1], undefined_to_none=False)(**values)
    return value if isinstance(value, str | int) else str(value)
