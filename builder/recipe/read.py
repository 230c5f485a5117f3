"""One recipe file: YAML text to a tree with places, and the traps of YAML 1.1 explained instead of fallen into.

PyYAML is used only to compose nodes; what a scalar means is decided here, so that `no`, `0755` and `22:30` are never
silently something else. The only module that imports yaml for reading.
"""

from __future__ import annotations

import re
from pathlib import Path

import yaml

from builder.errors import Problem
from builder.recipe.problems import nearest, problem, shown
from builder.recipe.tree import Broken, ListNode, MapNode, Node, Place, Scalar

REPLACE = "!replace"
"""The tag of a list or mapping that discards what was inherited."""

_TAG = "tag:yaml.org,2002:"
_DECIMAL = re.compile(r"[+-]?(0|[1-9][0-9]*)")
_FLOAT = re.compile(r"[+-]?[0-9]+\.[0-9]+([eE][+-]?[0-9]+)?")
_SYNTAX = (
    ("mapping values are not", 'a second ": " in one value', 'quote a text that contains ": "; check the indentation'),
    ("'\\t'", "a tab stands here", "indent with spaces"),
    ("unexpected end of stream", "the quote that opens here is never closed", ""),
    ("could not find expected ':'", "this line is neither `key: value` nor an item of a list", ""),
    (
        "expected <block end>",
        "this does not fit the lines above",
        "indent alike what belongs together; look for a quote",
    ),
    ("expected ',' or", "a bracket or brace is not closed before this, or a comma is missing", ""),
    ("found undefined alias", "this alias is not defined", "quote a text that begins with `*`"),
    ("cannot start any token", "a value cannot begin like this", "quote a text that begins with this character"),
    ("expected a single document", "a second document begins here", "one file holds one recipe; remove the line `---`"),
)
"""What PyYAML says, what it means, and what to do."""


def read(file: Path, problems: list[Problem], *, named_at: Place | None = None) -> MapNode | None:
    """The tree of one file, or None when it could not be read; a missing file is reported where it is named."""
    try:
        text = file.read_bytes().decode("utf-8")
        root = yaml.compose(text, yaml.SafeLoader)
    except OSError as error:
        problems.append(_unreadable(file, error, named_at))
    except UnicodeDecodeError as error:
        before = error.object[: error.start].decode("utf-8").split("\n")
        place = Place(file, len(before), len(before[-1]) + 1)
        problems.append(problem(place, "this byte is not UTF-8 text", hint="save the file as UTF-8"))
    except yaml.YAMLError as error:
        problems.append(_syntax(file, error))
    else:
        node = _Converter(file, problems).convert(root) if root else None
        if isinstance(node, MapNode):
            return node
        message = "the file is empty" if root is None else "a recipe is a mapping of keys to values"
        problems.append(problem(Place(file, 1, 1), message, hint="begin with `version: 1`"))
    return None


def _unreadable(file: Path, error: OSError, named_at: Place | None) -> Problem:
    place = named_at or Place(file, 1, 1)
    if not isinstance(error, FileNotFoundError):
        return problem(place, f"{shown(file)} cannot be read: {error.strerror}")
    beside = [each.name for each in file.parent.glob("*.yml")] if file.parent.is_dir() else []
    near = nearest(file.name, beside)
    hint = f'did you mean "{shown(file.with_name(near))}"?' if near else ""
    return problem(place, f"there is no file {shown(file)}" if named_at else "there is no such file", hint=hint)


def _syntax(file: Path, error: yaml.YAMLError) -> Problem:
    if isinstance(error, yaml.reader.ReaderError):
        return problem(Place(file, 1, 1), f"the character number {error.position + 1} is not allowed in YAML")
    if not isinstance(error, yaml.MarkedYAMLError):
        return problem(Place(file, 1, 1), f"not YAML: {error}")
    what = error.problem or error.context or "it cannot be understood"
    mark = error.problem_mark or error.context_mark
    if error.context_mark and "end of stream" in what:
        mark = error.context_mark
    place = Place(file, mark.line + 1, mark.column + 1) if mark else Place(file, 1, 1)
    said = f"{error.context} {what}"
    means, hint = next(((means, hint) for part, means, hint in _SYNTAX if part in said), (what, ""))
    return problem(place, f"not YAML: {means}", hint=hint)


class _Converter:
    """From PyYAML's nodes to ours."""

    def __init__(self, file: Path, problems: list[Problem]) -> None:
        self._file = file
        self._problems = problems
        self._inside: set[int] = set()

    def convert(self, node: yaml.Node, path: str = "") -> Node:
        place = self._place(node)
        if id(node) in self._inside:
            return self._broken(place, path, "this alias contains itself")
        self._inside.add(id(node))
        try:
            match node:
                case yaml.MappingNode():
                    return self._mapping(node, place, path)
                case yaml.SequenceNode():
                    fresh = self._tag(node, "seq", place, path)
                    items = tuple(self.convert(item, f"{path}[{i}]") for i, item in enumerate(node.value))
                    return ListNode(items=items, place=place, fresh=fresh)
                case yaml.ScalarNode():
                    return self._scalar(node, place, path)
                case _:
                    raise AssertionError(node)
        finally:
            self._inside.remove(id(node))

    def _mapping(self, node: yaml.MappingNode, place: Place, path: str) -> Node:
        fresh = self._tag(node, "map", place, path)
        entries: dict[str, Node] = {}
        places: dict[str, Place] = {}
        for key, value in node.value:
            where = self._place(key)
            if not isinstance(key, yaml.ScalarNode):
                hint = 'quote a template: "{{ NAME }}"' if isinstance(key, yaml.MappingNode) else ""
                return self._broken(place, path, "a key must be a plain word", hint=hint)
            if key.tag == f"{_TAG}merge":
                self._broken(
                    where, path, "the merge key `<<` is not part of recipes", hint="share parts with `extends`"
                )
            elif key.value in entries:
                first = places[key.value]
                self._broken(where, path, f'the key "{key.value}" stands here twice; first in line {first.line}')
            else:
                places[key.value] = where
                entries[key.value] = self.convert(value, f"{path}.{key.value}".lstrip("."))
        return MapNode(entries=entries, places=places, place=place, fresh=fresh)

    def _scalar(self, node: yaml.ScalarNode, place: Place, path: str) -> Node:
        text = str(node.value)
        kind = node.tag.removeprefix(_TAG)
        if node.style is not None or kind in {"str", "timestamp", "merge", "value"}:
            return Scalar(value=text, place=place)
        match kind:
            case "null":
                if text:
                    return Scalar(value=None, place=place)
                return self._broken(place, path, "there is no value here", hint="give one, or delete the key")
            case "bool" if text.lower() in {"true", "false"}:
                return Scalar(value=text.lower() == "true", place=place)
            case "bool":
                truth = "true" if text.lower() in {"yes", "on", "y"} else "false"
                hint = f'write {truth}, or "{text}" in quotes when the word is meant'
                return self._broken(
                    place, path, f"`{text}` is a truth value to YAML 1.1, and a word to others", hint=hint
                )
            case "int" if _DECIMAL.fullmatch(text):
                return Scalar(value=int(text), place=place)
            case "float" if _FLOAT.fullmatch(text):
                return Scalar(value=float(text), place=place)
            case "int" | "float":
                return self._broken(
                    place, path, _number_trap(text), hint=f'write "{text}" in quotes, or a decimal number'
                )
            case _:
                return self._broken(place, path, f"the tag `{node.tag}` is not known here", hint=_tag_advice(node.tag))

    def _tag(self, node: yaml.Node, expected: str, place: Place, path: str) -> bool:
        if node.tag not in {f"{_TAG}{expected}", REPLACE}:
            self._broken(place, path, f"the tag `{node.tag}` is not known here", hint=_tag_advice(node.tag))
        return bool(node.tag == REPLACE)

    def _place(self, node: yaml.Node) -> Place:
        return Place(self._file, node.start_mark.line + 1, node.start_mark.column + 1)

    def _broken(self, place: Place, path: str, message: str, *, hint: str = "") -> Broken:
        self._problems.append(problem(place, message, path=path, hint=hint))
        return Broken(place=place)


def _number_trap(text: str) -> str:
    if ":" in text:
        return f"`{text}` is a number in base 60 to YAML 1.1"
    if re.fullmatch(r"[+-]?0[0-7_]+", text):
        return f"`{text}` is the octal number {int(text.replace('_', ''), 8)} to YAML 1.1"
    return f"`{text}` is a number in a notation that is easily misread"


def _tag_advice(tag: str) -> str:
    if tag == REPLACE:
        return f"{REPLACE} goes before a list or a mapping"
    return f"the only tag is {REPLACE}; quote a text that begins with `!`"
