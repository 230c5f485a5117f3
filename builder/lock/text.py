"""The lock file: a line for each file, so that version control shows what changed; and a checksum of its own.

The checksum is no protection against malice. It finds what an editor or a merge did to a file that is only ever written
as a whole.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, Final

import yaml
from pydantic import BaseModel, ValidationError

from builder.errors import ArtifactError
from builder.host.places import RECIPES
from builder.host.whole import write_whole
from builder.lock.model import Lock
from builder.recipe.problems import normal, shown

_HEADER: Final = "# Written by `satchel lock`; do not edit. Every file that goes into the image, by its SHA-256.\n"
_BEGINNING: Final = b"# Written by `satchel lock`"
_CHECKSUM: Final = "checksum: "
_SECTIONS: Final = ("tools", "base", "apt", "wheels", "content", "channels", "trees")
_OF_ANOTHER_PROCESSOR: Final = ("tool_wheels",)
"""Sections that only stand in locks of recipes for another processor than that of the machines that build."""
_OF_CONTAINERS: Final = ("images", "blobs", "image_debs", "image_wheels")
"""Sections that only stand in locks of recipes with containers."""


def called(recipe: Path) -> str:
    """What a person writes on the command line to name this recipe file."""
    known = (normal(Path("recipes", recipe.name)), RECIPES / recipe.name)
    return recipe.stem if normal(recipe) in known else shown(recipe)


def lock_text(lock: Lock) -> str:
    """The lock as its file has it: the same lock gives the same bytes."""
    body = "".join(_lines(lock))
    return f"{body}{_CHECKSUM}{hashlib.sha256(body.encode()).hexdigest()}\n"


def lock_digest(lock: Lock) -> str:
    """The SHA-256 of the lock's text, by which an image names its lock."""
    return hashlib.sha256(lock_text(lock).encode()).hexdigest()


def _lines(lock: Lock) -> Iterator[str]:
    yield _HEADER
    yield f"version: {lock.version}\nrecipe: {yaml_word(lock.recipe)}\ndate: {lock.date}\n"
    yield "inputs:\n"
    for section, text in sorted(lock.inputs.items()):
        yield f"  {yaml_word(section)}: {yaml_word(text)}\n"
    foreign = _OF_ANOTHER_PROCESSOR if lock.tool_wheels else ()
    containers = _OF_CONTAINERS if lock.images or lock.image_debs else ()
    for section in (*_SECTIONS, *foreign, *containers):
        entries: Iterable[BaseModel] = getattr(lock, section)
        written = [f"- {_flow(entry)}\n" for entry in entries]
        yield f"{section}:\n" if written else f"{section}: []\n"
        yield from written


def _flow(entry: BaseModel) -> str:
    """The fields in the order of the model."""
    return "{" + ", ".join(f"{name}: {yaml_word(value)}" for name, value in entry) + "}"


def yaml_word(value: object) -> str:
    """A text in double quotes and a number without, as YAML and JSON both have them."""
    written = json.dumps(value, ensure_ascii=False)
    if written.isprintable():
        return written
    # YAML takes some characters for ends of lines and refuses others.
    return "".join(letter if letter.isprintable() else f"\\U{ord(letter):08x}" for letter in written)


def write_lock(path: Path, lock: Lock) -> None:
    """Write the file; whoever reads it meanwhile sees the old one or the new one.

    Raises:
        ArtifactError: it cannot be written.
    """
    try:
        # A lock is for everybody who may read the recipe.
        write_whole(path, lock_text(lock).encode(), mode=0o644)
    except OSError as error:
        raise ArtifactError(f"{shown(path)} cannot be written: {error.strerror}") from error


def is_lock(path: Path) -> bool:
    """Whether Satchel wrote a file, whatever became of it since."""
    try:
        with path.open("rb") as file:
            return file.read(len(_BEGINNING)) == _BEGINNING
    except OSError:
        return False


def read_lock(path: Path) -> Lock | None:
    """The lock in a file, or None when there is no file.

    Raises:
        ArtifactError: the file is not as `write_lock` wrote it.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return None
    except (OSError, UnicodeDecodeError) as error:
        raise ArtifactError(f"{shown(path)} cannot be read: {error}") from error
    return parse_lock(text, path)


def parse_lock(text: str, path: Path) -> Lock:
    """The lock in the text of a file; `path` is only for messages.

    Raises:
        ArtifactError: the text is not as `lock_text` makes it.
    """
    again = f"make it again with `satchel lock {called(path.with_suffix('.yml'))}`"
    for number, line in enumerate(text.splitlines(), start=1):
        if line.startswith(("<<<<<<< ", ">>>>>>> ")):
            hint = f"take either side as it is (`git checkout --ours -- {path.name}`), then {again}"
            raise ArtifactError(f"{shown(path)}:{number}: an unfinished merge", details=line, hint=hint)
    body, mark, sum_line = text.rpartition(f"\n{_CHECKSUM}")
    body += "\n"
    if not mark or sum_line != f"{hashlib.sha256(body.encode()).hexdigest()}\n":
        ending = "its checksum does not fit" if mark else "it has no checksum"
        raise ArtifactError(f"{shown(path)} was changed by hand ({ending})", hint=again)
    try:
        # Everything after the checksum proves that we wrote it ourselves; another version of Satchel is what remains.
        stored: dict[str, Any] = yaml.load(body, Loader=yaml.CSafeLoader)
        return Lock.model_validate(stored)
    except (yaml.YAMLError, ValidationError) as error:
        raise ArtifactError(
            f"{shown(path)} is from another version of Satchel", details=str(error), hint=again
        ) from error
