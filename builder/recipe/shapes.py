"""The stuff that the model of a recipe is made of: kinds of text and numbers, and the bases of its parts. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Annotated, Any, Literal, Self

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    GetCoreSchemaHandler,
    GetJsonSchemaHandler,
    WithJsonSchema,
    model_validator,
)
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, core_schema

from builder.units import parse_size


@dataclass(frozen=True, slots=True)
class Shape:
    """What a text must look like: a pattern for programs, and the same in words for people."""

    pattern: str
    words: str

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        """Check the text after its type."""
        return core_schema.no_info_after_validator_function(self._check, handler(source))

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        """The pattern, and the words under the name that editors show instead of it."""
        return {**handler(schema), "pattern": f"^{self.pattern}$", "patternErrorMessage": self.words}

    def _check(self, text: str) -> str:
        if re.fullmatch(self.pattern, text) is None:
            raise ValueError(f'"{text}" is not {self.words}')
        return text


def _text_number_or_truth(value: object) -> object:
    if not isinstance(value, str | int):
        raise ValueError("write a text, a whole number, true or false")
    return value


def _size(value: object) -> int:
    if not isinstance(value, str | int):
        raise ValueError("write a number with a unit such as 512MiB")
    size = parse_size(value)
    if size <= 0:
        raise ValueError("a size must be more than 0")
    return size


def _size_or_fit(value: object) -> int | str:
    return "fit" if value == "fit" else _size(value)


_SIZE_SCHEMA: dict[str, Any] = {"type": ["string", "integer"], "format": "size", "examples": ["512MiB", "8 GB"]}

Size = Annotated[int, BeforeValidator(_size), WithJsonSchema(_SIZE_SCHEMA)]
SizeOrFit = Annotated[
    int | Literal["fit"],
    BeforeValidator(_size_or_fit),
    WithJsonSchema({**_SIZE_SCHEMA, "format": "size-or-fit", "examples": ["3GiB", "fit"]}),
]
TextNumberOrTruth = Annotated[str | int | bool, BeforeValidator(_text_number_or_truth)]
Port = Annotated[int, Field(ge=1, le=65535)]
Name = Annotated[
    str, Shape(r"[a-z][a-z0-9-]{0,35}", "a name of at most 36 small letters, digits and '-', beginning with a letter")
]
Mode = Annotated[str, Shape(r"0[0-7]{3,4}", 'an octal mode in quotes such as "0755"')]
UnitName = Annotated[
    str,
    Shape(
        r"[A-Za-z0-9@:_.\\-]+\.(service|socket|timer|path|target|mount|automount)",
        "a unit with its ending, such as ssh.service",
    ),
]
AptPackage = Annotated[str, Shape(r"[a-z0-9][a-z0-9+.-]+", "the name of a Debian package")]
UserName = Annotated[
    str, Shape(r"[a-z_][a-z0-9_-]{0,30}", "a login name of at most 31 small letters, digits, '-' and '_'")
]
ChannelIdOrToken = Annotated[
    str,
    Shape(r"[0-9a-f]{32}|[a-z]{5}-?[a-z]{5}", "a channel id of 32 hexadecimal digits, or a token such as abcde-fghij"),
]
NodeId = Annotated[str, Shape(r"[0-9a-f]{32}", "an id of 32 hexadecimal digits")]
LanguageCode = Annotated[
    str, Shape(r"[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8})*", "the code of a language, such as sw or pt-BR")
]
StickKey = Annotated[
    str,
    Shape(
        r"MCowBQYDK2VwAyEA[A-Za-z0-9+/]{43}=",
        "a public Ed25519 key as `satchel content stick-key` prints it, beginning with MCowBQYDK2VwAyEA",
    ),
]
"""Base64 of a SubjectPublicKeyInfo (RFC 8410): twelve bytes that say Ed25519, and the 32 of the key."""
ParameterName = Annotated[str, Shape(r"[a-z][a-z0-9_]*", "small letters, digits and '_', beginning with a letter")]
AbsolutePath = Annotated[
    str,
    Shape(
        r"(?!.*/\.\.?(/|$))(/|(/[^/\s]+)+)",
        "an absolute path without spaces, without '..' and without a slash at the end",
    ),
    Field(examples=["/srv/data"]),
]


class Part(BaseModel):
    """Base of every part of a recipe: frozen, and a key that it does not know is an error."""

    # defer_build: most verbs validate no recipe, and those that do need only what is part of the whole.
    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True, defer_build=True)


class Choice(Part):
    """Base of the parts that are one of several kinds: the key that is given says which."""

    @model_validator(mode="after")
    def _one_kind(self) -> Self:
        kinds = [name for name, field in type(self).model_fields.items() if not field.is_required()]
        given = [name for name in kinds if getattr(self, name) is not None]
        if len(given) != 1:
            found = f"both {' and '.join(given)} are" if given else "none is"
            raise ValueError(f"exactly one of {', '.join(kinds)} must be given, but {found}")
        return self
