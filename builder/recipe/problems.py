"""Problems in the words of people: where, what is wrong, and the nearest right word."""

from __future__ import annotations

import difflib
import json
import os
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from pathlib import Path

from builder.errors import Problem, RecipeError, SatchelError
from builder.recipe.tree import Place

_MANY = 14
"""Longer lists of allowed words are cut: nobody reads them."""


class UnknownWord(SatchelError):
    """A word on the command line is none of those that exist."""

    exit_code = RecipeError.exit_code
    meaning = RecipeError.meaning

    def __init__(self, message: str, word: str, allowed: Iterable[str]) -> None:
        super().__init__(message, hint=suggest(word, allowed))


def shown(file: Path) -> str:
    """A file as people see it: relative when it is below the current directory."""
    here = Path.cwd()
    return str(file.relative_to(here)) if file.is_relative_to(here) else str(file)


def normal(file: Path) -> Path:
    """The absolute path without `..`, by its text alone, so that symbolic links keep their names."""
    return Path(os.path.normpath(file.absolute()))


def problem(place: Place, message: str, *, path: str = "", hint: str = "") -> Problem:
    """A problem at a place."""
    return Problem(file=shown(place.file), line=place.line, column=place.column, path=path, message=message, hint=hint)


def reading_order(problems: Iterable[Problem], source: Path) -> tuple[Problem, ...]:
    """The recipe's own problems first, then those of the files it extends; by line."""
    return tuple(sorted(problems, key=lambda each: (each.file != shown(source), each)))


def as_dicts(problems: Sequence[Problem]) -> list[dict[str, str | int]]:
    """The problems for a program."""
    return [asdict(each) for each in problems]


def nearest(word: str, allowed: Iterable[str], *, likeness: float = 0.6) -> str | None:
    """The allowed word that was probably meant; `likeness` is 1 for equal words."""
    by_lower = {each.lower(): each for each in allowed}
    close = difflib.get_close_matches(word.lower(), by_lower, n=1, cutoff=likeness)
    return by_lower[close[0]] if close else None


def suggest(word: str, allowed: Iterable[str], *, of: str = "") -> str:
    """Advice for a word that is not allowed; `of` names what the allowed words are, such as `the keys here are`."""
    words = list(allowed)
    near = nearest(word, words)
    listed = f"{of or 'allowed:'} {listing(words)}" if words else ""
    if near is None or len(words) == 1:
        return listed
    return f'did you mean "{near}"?' + (f" ({listed})" if len(words) <= _MANY else "")


def listing(words: Sequence[str]) -> str:
    """The words, cut when there are too many."""
    cut = [*words[:_MANY], "..."] if len(words) > _MANY else words
    return ", ".join(cut)


def quoted(value: object) -> str:
    """A value as a person would write it in a recipe, cut when it is long."""
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 60 else f"{text[:57]}..."
