"""What a lock was made from, section by section, and whether a recipe still asks for the same."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator

from builder.host.tools import PACKAGES
from builder.lock.model import Lock
from builder.lock.pip import PYTHON
from builder.recipe.content import ContentSource
from builder.recipe.load import Loaded


def inputs_of(loaded: Loaded) -> dict[str, str]:
    """What the recipe asks for, in a canonical text for each section."""
    recipe = loaded.recipe
    base = recipe.base
    return {
        "base": " ".join((base.distribution, base.suite, base.architecture, *sorted(base.components))),
        "apt": " ".join(sorted(set(recipe.packages.apt))),
        "tools": " ".join(sorted(PACKAGES)),
        **{
            f"pip {application.venv}": _requirements(loaded, application.requirements)
            for application in recipe.packages.pip
        },
        **{f"content {number}": _asked(source) for number, source in enumerate(recipe.content)},
    }


def _requirements(loaded: Loaded, name: str) -> str:
    digest = hashlib.sha256(loaded.path(name).read_bytes()).hexdigest()
    return f"python {PYTHON}, requirements {digest}"


def _asked(source: ContentSource) -> str:
    """One kind of content and its keys, as in `demo languages=en,fr lessons=12`."""
    ((kind, keys),) = source.model_dump(exclude_none=True, exclude={"channels": {"sources"}, "files": {"to"}}).items()
    values = {name: ",".join(value) if isinstance(value, tuple) else str(value) for name, value in keys.items()}
    if source.channels and not source.channels.ids:
        # Where channels come from is no part of what they are, unless nothing else says which ones are meant.
        ((where, place),) = source.channels.sources[0].model_dump(exclude_none=True).items()
        values["all of"] = f"{where} {place}"
    return " ".join((kind, *(f"{name}={value}" for name, value in values.items())))


def drift(lock: Lock, loaded: Loaded) -> tuple[str, ...]:
    """What the recipe asks for and the lock does not cover, in sentences; empty when it fits."""
    return tuple(_drift(lock.inputs, inputs_of(loaded)))


def _drift(locked: dict[str, str], wanted: dict[str, str]) -> Iterator[str]:
    for section in sorted(locked.keys() | wanted.keys()):
        old, new = locked.get(section), wanted.get(section)
        if old != new:
            yield from _sentences(section, old, new)


def _sentences(section: str, old: str | None, new: str | None) -> Iterator[str]:
    match section.split(" ", 1), old, new:
        case [["apt" | "tools" as section, *_], str(), str()]:
            there = "the recipe" if section == "apt" else "the list of tools"
            before, after = set(old.split()), set(new.split())
            for name in sorted(after - before):
                yield f"{there} has the package {name}, the lock has not"
            for name in sorted(before - after):
                yield f"{there} no longer has the package {name}"
        case ["base", *_], str(), str():
            yield f"the base is now {new} instead of {old}"
        case ["pip", venv], _, None:
            yield f"the recipe no longer has the application {venv}"
        case ["pip", venv], None, _:
            yield f"the recipe has the application {venv}, the lock has not"
        case ["pip", venv], _, _:
            yield f"the requirements of {venv} were changed"
        case ["content", number], _, None:
            yield f"the recipe no longer has content[{number}]"
        case ["content", number], None, _:
            yield f"the recipe has content[{number}], the lock has not"
        case ["content", number], _, _:
            yield f"content[{number}] asks for something else"
        case _:
            yield f"the lock has no section {section}" if old is None else f"the lock has a section {section}"
