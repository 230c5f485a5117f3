"""What stands in recipe files, with the place of every value.

YAML becomes this tree, merging and rendering make new trees from it, and every problem finds its place in it. Pure.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TypeAlias

Plain: TypeAlias = "str | int | float | bool | list[Plain] | dict[str, Plain] | None"
Keys: TypeAlias = tuple[str | int, ...]


@dataclass(frozen=True, slots=True, order=True)
class Place:
    """A place in a file; line and column count from 1."""

    file: Path
    line: int
    column: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Scalar:
    """A text, number, truth value or null."""

    value: str | int | float | bool | None
    place: Place
    template: str = ""
    """The text as written, when the value was rendered from it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Broken:
    """Something whose problem is already known; later phases keep silent about it."""

    place: Place


@dataclass(frozen=True, slots=True, kw_only=True)
class ListNode:
    """A list; `fresh` when it discards what was inherited."""

    items: tuple[Node, ...]
    place: Place
    fresh: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class MapNode:
    """A mapping; `fresh` when it discards what was inherited."""

    entries: Mapping[str, Node]
    places: Mapping[str, Place] = field(default_factory=dict)
    """The places of the keys themselves."""
    place: Place
    fresh: bool = False


Node: TypeAlias = Scalar | Broken | ListNode | MapNode


def plain(node: Node) -> Plain:
    """The values alone; null for what is broken."""
    match node:
        case Scalar():
            return node.value
        case Broken():
            return None
        case ListNode():
            return [plain(item) for item in node.items]
        case MapNode():
            return {key: plain(value) for key, value in node.entries.items()}


def kind(node: Node) -> str:
    """What a person calls this node."""
    match node:
        case MapNode():
            return "a mapping"
        case ListNode():
            return "a list"
        case Scalar(value=str()):
            return "a text"
        case Scalar(value=bool()):
            return "true or false"
        case Scalar(value=int() | float()):
            return "a number"
        case _:
            return "nothing"


def descend(root: Node, keys: Keys) -> list[Node]:
    """The nodes along the keys, the root first, as far as they exist."""
    found = [root]
    for key in keys:
        match found[-1]:
            case MapNode(entries=entries) if key in entries:
                found.append(entries[str(key)])
            case ListNode(items=items) if isinstance(key, int) and key < len(items):
                found.append(items[key])
            case _:
                break
    return found


def name_of(node: Node) -> str | None:
    """The name of a named list item, such as a partition."""
    match node:
        case MapNode(entries={"name": Scalar(value=str(name))}):
            return name
        case _:
            return None


def spell(root: Node, keys: Keys) -> str:
    """The keys as people write them: `disk.partitions[root].size`; items of a list by name, else by number from 0."""
    nodes = descend(root, keys)
    text = ""
    for index, key in enumerate(keys):
        if isinstance(key, int):
            name = name_of(nodes[index + 1]) if index + 1 < len(nodes) else None
            text += f"[{name or key}]"
        else:
            text += f".{key}" if text else key
    return text


def scalars_replaced(node: Node, change: Callable[[Keys, Scalar], Node], keys: Keys = ()) -> Node:
    """A tree in which every scalar is replaced by what `change` makes of it."""
    match node:
        case Scalar():
            return change(keys, node)
        case Broken():
            return node
        case ListNode():
            items = (scalars_replaced(item, change, (*keys, index)) for index, item in enumerate(node.items))
            return replace(node, items=tuple(items))
        case MapNode():
            entries = {key: scalars_replaced(value, change, (*keys, key)) for key, value in node.entries.items()}
            return replace(node, entries=entries)


def leaves(node: Node) -> Iterator[Node]:
    """Every node that has no nodes inside."""
    match node:
        case ListNode():
            for item in node.items:
                yield from leaves(item)
        case MapNode():
            for value in node.entries.values():
                yield from leaves(value)
        case _:
            yield node
