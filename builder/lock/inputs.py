"""What a lock was made from, section by section, and whether a recipe still asks for the same."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator

from builder.host.tools import ARCHITECTURE, CONTAINER_PACKAGES, FOREIGN_PACKAGES, PACKAGES, QCOW2_PACKAGES
from builder.lock.model import Lock
from builder.lock.pip import PYTHON
from builder.recipe.containers import BuiltImage, ContainerImage
from builder.recipe.content import ContentSource
from builder.recipe.load import Loaded
from builder.recipe.model import Recipe


def inputs_of(loaded: Loaded) -> dict[str, str]:
    """What the recipe asks for, in a canonical text for each section."""
    recipe = loaded.recipe
    base = recipe.base
    suites = filter(None, (base.suite, base.older))
    backports = (f"backports {','.join(sorted(base.backports))}",) if base.backports else ()
    return {
        "base": " ".join((base.distribution, *suites, base.architecture, *sorted(base.components), *backports)),
        "apt": " ".join(sorted(set(recipe.packages.apt))),
        "tools": " ".join(tool_packages(recipe)),
        **{
            f"pip {application.venv}": _requirements(loaded, application.requirements)
            for application in recipe.packages.pip
        },
        **{f"content {number}": _asked(source) for number, source in enumerate(recipe.content)},
        **{
            f"image {image.name}": _built(loaded, image.build) if image.build else _image(image)
            for image in (recipe.containers.images if recipe.containers else ())
        },
    }


def tool_packages(recipe: Recipe) -> tuple[str, ...]:
    """The packages of the workshop that a recipe needs, by name."""
    containers = CONTAINER_PACKAGES if recipe.containers else ()
    qcow2 = QCOW2_PACKAGES if recipe.outputs.qcow2 else ()
    foreign = FOREIGN_PACKAGES if recipe.base.architecture != ARCHITECTURE else ()
    return tuple(sorted({*PACKAGES, *containers, *qcow2, *foreign}))


def _requirements(loaded: Loaded, name: str) -> str:
    digest = hashlib.sha256(loaded.path(name).read_bytes()).hexdigest()
    architecture = loaded.recipe.base.architecture
    foreign = f", for {architecture}" if architecture != ARCHITECTURE else ""
    return f"python {PYTHON}, requirements {digest}{foreign}"


def _image(image: ContainerImage) -> str:
    return " ".join(("archive" if image.archive else "registry", *filter(None, (image.digest,))))


def _built(loaded: Loaded, image: BuiltImage) -> str:
    packages = " ".join(sorted(set(image.packages.apt)))
    applications = (f"{each.venv}: {_requirements(loaded, each.requirements)}" for each in image.packages.pip)
    return "; ".join((f"built from {packages}", *applications))


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
        case [["pip" | "content" | "image" as kind, name], _, _]:
            thing, changed = _things(kind, name)
            if new is None:
                yield f"the recipe no longer has {thing}"
            elif old is None:
                yield f"the recipe has {thing}, the lock has not"
            else:
                yield changed
        case _:
            yield f"the lock has no section {section}" if old is None else f"the lock has a section {section}"


def _things(kind: str, name: str) -> tuple[str, str]:
    """What a section is about, and the sentence that it was changed."""
    match kind:
        case "pip":
            return f"the application {name}", f"the requirements of {name} were changed"
        case "image":
            return f"the image {name}", f"the image {name} is asked for in another way"
        case _:
            return f"content[{name}]", f"content[{name}] asks for something else"
