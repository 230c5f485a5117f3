"""The one Jinja2 environment: for texts in recipes and for the `.j2` files of overlays.

Sandboxed, because a recipe got from somebody else must not run code on the build host; strict, because a misspelt name
must be an error and never an empty text on a device that nobody can reach.
"""

from __future__ import annotations

import json
from functools import cache

from jinja2 import Environment, StrictUndefined, Template, TemplateError
from jinja2.sandbox import ImmutableSandboxedEnvironment
from pydantic import BaseModel

TEMPLATE_ERRORS = (TemplateError, TypeError, ValueError, ArithmeticError, LookupError, AttributeError)
"""What rendering can raise: Jinja's own errors and those of the expressions that people write."""


@cache
def environment() -> ImmutableSandboxedEnvironment:
    """The environment, with the filter `tojson` that also takes parts of a recipe."""
    made = ImmutableSandboxedEnvironment(
        undefined=StrictUndefined, autoescape=False, keep_trailing_newline=True, trim_blocks=True, lstrip_blocks=True
    )
    made.filters["tojson"] = to_json
    return made


@cache
def compiled(text: str) -> Template:
    """The template of a text; a plan asks for each overlay's several times.

    Raises:
        TemplateError: it is none.
    """
    return environment().from_string(text)


@cache
def page_environment() -> Environment:
    """The same environment for HTML: every value is escaped."""
    return environment().overlay(autoescape=True)


def to_json(value: object, indent: int | None = None) -> str:
    """JSON with sorted keys. Jinja's own filter escapes for HTML and does not know pydantic's models."""
    return json.dumps(value, indent=indent, sort_keys=True, ensure_ascii=False, default=_plain)


def _plain(value: object) -> object:
    if isinstance(value, BaseModel):
        return value.model_dump(mode="json")
    raise TypeError(f"a {type(value).__name__} cannot be written as JSON")
