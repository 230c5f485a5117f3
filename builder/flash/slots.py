"""slots.yml: what the slots of a station are called, and where they are plugged in.

slots:
A1: 0000:00:14.0-usb2-1.2:0
A2: 0000:00:14.0-usb2-1.2:1
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import yaml

from builder.errors import FlashRefused, Problem, UsageError
from builder.recipe.problems import shown

_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9 ._-]{0,15}")
_HOW: Final = "slots:\n  A1: 0000:00:14.0-usb2-1.2:0\n`satchel disks` shows the places"


class SlotsError(FlashRefused):
    """The file with the slots is wrong. Every problem is named."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Slot:
    """One slot of the station."""

    name: str
    place: str


def read_slots(path: Path) -> tuple[Slot, ...]:
    """The slots in a file, in its order.

    Raises:
        UsageError: it cannot be read.
        SlotsError: it is wrong.
    """
    try:
        node = yaml.compose(path.read_text(encoding="utf-8"), Loader=yaml.SafeLoader)
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"{path} cannot be read: {error}") from error
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        place = (mark.line + 1, mark.column + 1) if mark else (1, 1)
        raise _wrong([_problem(path, place, error.problem or "this is no YAML")]) from error
    except yaml.YAMLError as error:
        raise _wrong([_problem(path, (1, 1), str(error).partition("\n")[0])]) from error
    return tuple(_slots(path, node))


def _slots(path: Path, node: Any) -> list[Slot]:
    found: list[Slot] = []
    problems: list[Problem] = []
    entries = _mapping(node)
    inner = _mapping(entries[0][1]) if len(entries) == 1 and entries[0][0].value == "slots" else []
    if not inner:
        raise _wrong([_problem(path, _place(node), "it has no slots", hint=_HOW)])
    seen: set[tuple[str, str]] = set()
    for key, value in inner:
        name, place = str(key.value), value.value if isinstance(value, yaml.ScalarNode) else ""
        if not _NAME.fullmatch(name):
            problems.append(
                _problem(path, _place(key), f"{name!r} is no name for a slot: at most 16 letters or digits")
            )
        if not place or place.startswith("/"):
            hint = "names of devices change; `satchel disks` shows places that do not"
            problems.append(_problem(path, _place(value), f"slot {name}: {place!r} is no place", hint=hint))
        for what, known in ((name, "name"), (place, "place")):
            if what and (known, what) in seen:
                problems.append(_problem(path, _place(key), f"the {known} {what} is there twice"))
            seen.add((known, what))
        found.append(Slot(name=name, place=place))
    if problems:
        raise _wrong(problems)
    return found


def _mapping(node: Any) -> list[tuple[Any, Any]]:
    return list(node.value) if isinstance(node, yaml.MappingNode) else []


def _place(node: Any) -> tuple[int, int]:
    return (node.start_mark.line + 1, node.start_mark.column + 1) if node is not None else (1, 1)


def _problem(path: Path, place: tuple[int, int], message: str, *, hint: str = "") -> Problem:
    return Problem(file=shown(path), line=place[0], column=place[1], path="", message=message, hint=hint)


def _wrong(problems: list[Problem]) -> SlotsError:
    return SlotsError("the slots cannot be used", details="\n".join(map(str, problems)))
