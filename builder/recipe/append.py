"""Add an entry to the `content` of a recipe's file, and leave every other byte of it as its author wrote it."""

from __future__ import annotations

import yaml

from builder.errors import PlanError

_KEY = "content"


def with_content(text: str, entry: str, *, called: str) -> str:
    """The recipe's text with one more entry of `content`.

    Args:
        text: The file as it is.
        entry: The lines of the entry, without indentation, the first beginning with `- `.
        called: The file, for messages.

    Raises:
        PlanError: its `content` is not written as a list with an entry a line.
    """
    place = _list_of_content(text, called)
    if place is None:
        gap = "" if not text or text.endswith("\n") else "\n"
        return f"{text}{gap}{_KEY}:\n{_indented(entry, 2)}"
    column, line = place
    lines = text.splitlines(keepends=True)
    if lines and not lines[-1].endswith("\n"):
        lines[-1] += "\n"
    return "".join([*lines[:line], _indented(entry, column), *lines[line:]])


def _list_of_content(text: str, called: str) -> tuple[int, int] | None:
    """Where the entries of `content` begin in their lines, and the line behind the last; None if there are none."""
    try:
        root = yaml.compose(text, Loader=yaml.CSafeLoader)
    except yaml.YAMLError as error:
        raise PlanError(f"{called} cannot be read: {error}") from error
    if root is None:
        return None
    if not isinstance(root, yaml.MappingNode):
        raise PlanError(f"{called} is not a recipe")
    for key, value in root.value:
        if key.value == _KEY:
            if not isinstance(value, yaml.SequenceNode) or value.flow_style or not value.value:
                raise PlanError(
                    f"`{_KEY}` of {called} is not a list with an entry a line", hint="add the entry by hand"
                )
            last = value.value[-1]
            column = value.value[0].start_mark.column - 2
            return max(column, 0), _line_behind(text, last.end_mark)
    return None


def _line_behind(text: str, mark: yaml.Mark) -> int:
    """The line behind a node, without the blank lines and comments that YAML counts to it."""
    lines = text.splitlines()
    line = mark.line if mark.column == 0 else mark.line + 1
    while line > 0 and (not lines[line - 1].strip() or lines[line - 1].lstrip().startswith("#")):
        line -= 1
    return line


def _indented(entry: str, column: int) -> str:
    return "".join(f"{' ' * column}{line}\n" for line in entry.splitlines())
