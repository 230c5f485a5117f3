"""How a recipe and the files it extends become one tree. Pure but for reading the files.

Order: every file comes after the files it extends, each file once; the later one wins. Mappings merge key by key; lists
whose items have a `name` merge by it; other lists grow without duplicates; `!replace` discards what was inherited; an
explicit null takes an inherited key away.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from builder.errors import Problem
from builder.recipe.problems import normal, problem, shown
from builder.recipe.read import read
from builder.recipe.tree import Broken, Keys, ListNode, MapNode, Node, Place, Scalar, kind, name_of, plain, spell

EXTENDS = "extends"
"""The key that names the files to inherit from."""


def gather(source: Path, problems: list[Problem]) -> dict[Path, MapNode] | None:
    """The trees of all files in the order of merging, without `extends`; None when one could not be read."""
    found: dict[Path, MapNode] = {}
    return found if _visit(normal(source), (), None, found, problems) else None


def _visit(
    file: Path, chain: tuple[Path, ...], named_at: Place | None, found: dict[Path, MapNode], problems: list[Problem]
) -> bool:
    if file in found:
        return True
    if named_at and file in chain:
        circle = " -> ".join(shown(each) for each in [*chain[chain.index(file) :], file])
        problems.append(problem(named_at, f"the files extend each other in a circle: {circle}", path=EXTENDS))
        return False
    tree = read(file, problems, named_at=named_at)
    if tree is None:
        return False
    names = _extended(tree, problems)
    whole = names is not None
    for name in names or ():
        inherited = normal(file.parent / str(name.value))
        whole &= _visit(inherited, (*chain, file), name.place, found, problems)
    found[file] = replace(tree, entries={key: node for key, node in tree.entries.items() if key != EXTENDS})
    return whole


def _extended(tree: MapNode, problems: list[Problem]) -> list[Scalar] | None:
    """The names of the files that a tree extends; None when they are not a list of names."""
    node = tree.entries.get(EXTENDS)
    if node is None:
        return []
    if isinstance(node, Broken):
        return None
    if not isinstance(node, ListNode):
        problems.append(problem(node.place, f"must be a list of files, not {kind(node)}", path=EXTENDS))
        return None
    names = []
    for item in node.items:
        if isinstance(item, Scalar) and isinstance(item.value, str) and "{{" not in item.value:
            names.append(item)
        elif not isinstance(item, Broken):
            problems.append(problem(item.place, "write the name of a file, without templates", path=EXTENDS))
    return names if len(names) == len(node.items) else None


def merge(base: Node, nearer: Node, problems: list[Problem], *, root: Node | None = None, keys: Keys = ()) -> Node:
    """One tree from two; what `nearer` says wins. `root` and `keys` say where we are, for messages."""
    root = root or nearer
    match base, nearer:
        case (Broken(), _) | (_, Broken()) | (Scalar(), Scalar()):
            return nearer
        case (_, ListNode(fresh=True) | MapNode(fresh=True)):
            return nearer
        case MapNode(), MapNode():
            return _merge_mappings(base, nearer, problems, root, keys)
        case ListNode(), ListNode():
            return _merge_lists(base, nearer, problems, root, keys)
        case _:
            return _mismatch(base, nearer, problems, spell(root, keys))


def _mismatch(base: Node, nearer: Node, problems: list[Problem], path: str) -> Broken:
    place = base.place
    message = f"is {kind(nearer)} here but {kind(base)} in {shown(place.file)}:{place.line}:{place.column}"
    problems.append(problem(nearer.place, message, path=path, hint=f"write {kind(base)} here too"))
    return Broken(place=nearer.place)


def _merge_mappings(base: MapNode, nearer: MapNode, problems: list[Problem], root: Node, keys: Keys) -> MapNode:
    entries = dict(base.entries)
    places = {**base.places, **nearer.places}
    for key, node in nearer.entries.items():
        if key not in entries:
            entries[key] = node
        elif isinstance(node, Scalar) and node.value is None:
            del entries[key], places[key]
        else:
            entries[key] = merge(entries[key], node, problems, root=root, keys=(*keys, key))
    return MapNode(entries=entries, places=places, place=nearer.place)


def _merge_lists(base: ListNode, nearer: ListNode, problems: list[Problem], root: Node, keys: Keys) -> ListNode:
    items = list(base.items)
    index_of = {name: index for index, item in reversed([*enumerate(items)]) if (name := name_of(item)) is not None}
    for position, node in enumerate(nearer.items):
        index = index_of.pop(name_of(node) or "", None)
        if index is not None:
            items[index] = merge(items[index], node, problems, root=root, keys=(*keys, position))
        elif isinstance(node, Broken) or plain(node) not in map(plain, items):
            items.append(node)
    return ListNode(items=tuple(items), place=nearer.place)
