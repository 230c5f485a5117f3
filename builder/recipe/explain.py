"""`satchel explain`: what a key means, and who set which value in a recipe."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator

import yaml

from builder.recipe.keys import Key, find, walk
from builder.recipe.load import Loaded
from builder.recipe.problems import UnknownWord, shown
from builder.recipe.tree import Keys, ListNode, MapNode, Node, Plain, Scalar, descend

_WIDTH = 96
_COMMENT_COLUMN = 56


def explain(path: str = "") -> str:
    """What a key such as `disk.partitions.size` means; without a path, the tree of the keys.

    Raises:
        UnknownWord: there is no such key.
    """
    keys = tuple(part for part in path.split(".") if part)
    if not keys:
        return overview()
    key = find(keys)
    if key is None:
        raise _unknown(keys)
    lines = [f"{key.path}: {key.type}{', required' if key.required else ''}", *_indented(key.description)]
    lines += [f"  {label + ':':<9} {text}" for label, text in _facts(key) if text]
    if key.children:
        lines += [
            "",
            *(_row(child, indent=2) for child in walk(keys) if child.path.count(".") == key.path.count(".") + 1),
        ]
    return "\n".join(lines)


def _unknown(keys: tuple[str, ...]) -> UnknownWord:
    for depth, word in enumerate(keys):
        parent = find(keys[:depth])
        if parent and find(keys[: depth + 1]) is None:
            return UnknownWord(f'{parent.path or "a recipe"} has no key "{word}"', word, parent.children)
    raise AssertionError(keys)


def overview() -> str:
    """The top-level keys and the keys inside them, each with its first sentence."""
    return "\n".join(_row(key, indent=2 * key.path.count(".")) for key in walk() if key.path.count(".") <= 1)


def reference() -> str:
    """Every key as Markdown, for the manual."""
    lines = []
    for key in walk():
        if "." not in key.path:
            lines += ["", f"### {key.path}", ""]
        facts = [key.type, *(["required"] if key.required else [])]
        facts += [f"{label} `{text}`" for label, text in _facts(key) if text and label == "default"]
        facts += [f"{label}: {text}" for label, text in _facts(key) if text and label != "default"]
        description = " ".join(key.description.split())
        lines.append(f"- `{key.path}` ({'; '.join(facts)}): {description}")
    return "\n".join(lines).strip() + "\n"


def show(loaded: Loaded, path: str = "") -> str:
    """The recipe as it is after merging and rendering, as YAML; a comment at each value says who set it.

    Raises:
        UnknownWord: the recipe has no such key.
    """
    keys = tuple(part for part in path.split(".") if part)
    whole = loaded.recipe.model_dump(mode="json", exclude_none=True)
    value: Plain = whole
    for index, key in enumerate(keys):
        inner = _named(value) if isinstance(value, list) else value
        if not isinstance(inner, dict) or key not in inner:
            known = inner if isinstance(inner, dict) else {}
            before = ".".join(keys[:index]) or "the recipe"
            raise UnknownWord(f'{before} has no "{key}"', key, known)
        value = inner[key]
    position = _position(whole, keys)
    return "\n".join(_written(loaded.tree, value, position, 0, keys[-1] if keys else ""))


def _facts(key: Key) -> tuple[tuple[str, str], ...]:
    return (
        ("default", key.default),
        ("allowed", ", ".join(key.allowed) or key.shape),
        ("example", key.example),
    )


def _indented(text: str) -> list[str]:
    paragraphs = (" ".join(each.split()) for each in text.split("\n\n"))
    return [
        line for each in paragraphs for line in textwrap.wrap(each, _WIDTH, initial_indent="  ", subsequent_indent="  ")
    ]


def _row(key: Key, *, indent: int) -> str:
    sentence = " ".join(key.description.split("\n\n")[0].split())
    return f"{' ' * indent}{key.path.rpartition('.')[2]:<{22 - indent}} {sentence}"


def _named(items: list[Plain]) -> dict[str, Plain]:
    """List items under their names, or their numbers."""
    return {str(item.get("name", i)) if isinstance(item, dict) else str(i): item for i, item in enumerate(items)}


def _position(value: Plain, keys: tuple[str, ...]) -> Keys:
    """The keys with list items by number."""
    position: list[str | int] = []
    for key in keys:
        if isinstance(value, list):
            position.append(list(_named(value)).index(key))
            value = _named(value)[key]
        elif isinstance(value, dict):
            position.append(key)
            value = value[key]
    return tuple(position)


def _written(tree: MapNode, value: Plain, keys: Keys, indent: int, key: str = "") -> Iterator[str]:
    """YAML lines for a value under a key, or for the value alone."""
    node = _node(tree, keys)
    pad = "  " * indent
    head = f"{pad}{_scalar(key)}:" if key else pad.rstrip()
    if isinstance(value, dict) and value:
        if key:
            yield head
        for name, inner in value.items():
            if _says_nothing(inner) and _node(tree, (*keys, name)) is None:
                continue
            yield from _written(tree, inner, (*keys, name), indent + bool(key), name)
    elif isinstance(value, list) and value:
        if key:
            yield head
        for number, inner in enumerate(value):
            lines = list(_written(tree, inner, (*keys, number), indent + bool(key) + 1))
            first = lines[0].lstrip()
            yield f"{'  ' * (indent + bool(key))}- {first}"
            yield from lines[1:]
    else:
        as_set = node.value if isinstance(node, Scalar) and not isinstance(value, list | dict) else value
        text = f"{head} {_scalar(as_set)}" if key else f"{pad}{_scalar(as_set)}"
        yield f"{text:<{_COMMENT_COLUMN}}  # {_who(node)}"


def _says_nothing(value: Plain) -> bool:
    """Whether it is an empty list, or a mapping of nothing else."""
    return value == [] or (isinstance(value, dict) and bool(value) and all(map(_says_nothing, value.values())))


def _node(tree: MapNode, keys: Keys) -> Node | None:
    found = descend(tree, keys)
    return found[-1] if len(found) == len(keys) + 1 else None


def _who(node: Node | None) -> str:
    match node:
        case Scalar() | ListNode() | MapNode():
            template = f", {node.template}" if isinstance(node, Scalar) and node.template else ""
            return f"{shown(node.place.file)}:{node.place.line}{template}"
        case _:
            return "default"


def _scalar(value: Plain) -> str:
    text = yaml.safe_dump(value, default_flow_style=True, allow_unicode=True, width=10**6)
    return text.removesuffix("...\n").strip()
