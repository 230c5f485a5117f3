"""The words of the demonstration lessons: what is in data/*.toml, and exercises without end after that.

Twelve lessons are written by hand in each language. Whoever asks for more gets number practice, made by arithmetic from
its number alone, so that a large channel can be made without a large book.
"""

from __future__ import annotations

import hashlib
import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any, Final

DATA: Final = Path(__file__).parent / "data"

PRACTICE_QUESTIONS: Final = 10


class Activity(StrEnum):
    """What a learner does on the second page of a lesson; data/lesson.js has one function for each."""

    COUNT = "count"
    ADD = "add"
    TIMES = "times"
    FRACTION = "fraction"
    CLOCK = "clock"
    MATCH = "match"
    ORDER = "order"
    GRID = "grid"


class Subject(StrEnum):
    """Codes of Kolibri's library categories (le_utils.constants.labels.subjects)."""

    ARITHMETIC = "d&WXdXWF.qs0Xlaxq.nG96nHDc"
    GEOMETRY = "d&WXdXWF.qs0Xlaxq.lb7ELcK5"
    BIOLOGY = "d&WXdXWF.i1IdaNwr.uErN4PdS"
    EARTH_SCIENCE = "d&WXdXWF.i1IdaNwr.zbDzxDE7"
    PUBLIC_HEALTH = "PbGoe2MV.kivAZaeX"
    DAILY_LIFE = "PbGoe2MV"


LESSONS: Final[Mapping[str, tuple[Activity, Subject]]] = {
    "counting": (Activity.COUNT, Subject.ARITHMETIC),
    "water": (Activity.ORDER, Subject.EARTH_SCIENCE),
    "adding": (Activity.ADD, Subject.ARITHMETIC),
    "hands": (Activity.ORDER, Subject.PUBLIC_HEALTH),
    "clock": (Activity.CLOCK, Subject.DAILY_LIFE),
    "plants": (Activity.MATCH, Subject.BIOLOGY),
    "times": (Activity.TIMES, Subject.ARITHMETIC),
    "food": (Activity.MATCH, Subject.PUBLIC_HEALTH),
    "map": (Activity.GRID, Subject.EARTH_SCIENCE),
    "fractions": (Activity.FRACTION, Subject.ARITHMETIC),
    "chain": (Activity.ORDER, Subject.BIOLOGY),
    "shapes": (Activity.MATCH, Subject.GEOMETRY),
}
"""The written lessons, in the order in which a channel takes them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """A question with its right answer and two wrong ones."""

    ask: str
    right: str
    wrong: tuple[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Lesson:
    """One lesson in one language."""

    key: str
    picture: str
    activity: Activity
    subject: Subject
    title: str
    summary: str
    text: tuple[str, ...]
    words: tuple[tuple[str, str], ...] = ()
    steps: tuple[str, ...] = ()
    quiz: tuple[Question, ...] = ()
    limit: int = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Language:
    """A language with the words around its lessons, and the lessons themselves."""

    code: str
    name: str
    topic: str
    about: str
    description: str
    words: Mapping[str, str]
    written: tuple[Lesson, ...]

    def lessons(self, count: int) -> Iterator[Lesson]:
        """The first `count` lessons: the written ones, then practice."""
        yield from self.written[:count]
        for number in range(1, count - len(self.written) + 1):
            yield _practice(number, self.words)


def load_language(code: str) -> Language:
    """The language `code` (`en`, `fr`, `es`, `sw`) from its file."""
    document = tomllib.loads(_typeset((DATA / f"{code}.toml").read_text(encoding="utf-8")))
    written = tuple(_lesson(key, document["lesson"][key]) for key in LESSONS)
    return Language(
        code=code,
        name=document["name"],
        topic=document["topic"],
        about=document["about"],
        description=document["description"],
        words=document["words"],
        written=written,
    )


def _typeset(text: str) -> str:
    """French puts a space before some marks; it must not break there."""
    return re.sub(r"(?<=\w) (?=[?!:;])", "\u00a0", text)


def _lesson(key: str, entry: Mapping[str, Any]) -> Lesson:
    activity, subject = LESSONS[key]
    return Lesson(
        key=key,
        picture=key,
        activity=activity,
        subject=subject,
        title=entry["title"],
        summary=entry["summary"],
        text=tuple(entry["text"]),
        words=tuple((term, meaning) for term, meaning in entry.get("words", ())),
        steps=tuple(entry.get("steps", ())),
        quiz=tuple(Question(ask=ask, right=right, wrong=(one, two)) for ask, right, one, two in entry["quiz"]),
    )


def _practice(number: int, words: Mapping[str, str]) -> Lesson:
    limit = min(10 + 10 * number, 1000)
    return Lesson(
        key=f"practice-{number:03d}",
        picture="practice",
        activity=Activity.ADD,
        subject=Subject.ARITHMETIC,
        title=words["practice"].format(n=number),
        summary=words["practice_summary"].format(limit=limit),
        text=(words["practice_text"],),
        quiz=tuple(_exercise(number, place, limit) for place in range(PRACTICE_QUESTIONS)),
        limit=limit,
    )


def _exercise(number: int, place: int, limit: int) -> Question:
    """An exercise that depends on nothing but its place: Python's `random` may change, SHA-256 will not."""
    noise = hashlib.sha256(f"{number}/{place}".encode()).digest()
    total = 5 + int.from_bytes(noise[0:4], "big") % (limit - 4)
    part = 1 + int.from_bytes(noise[4:8], "big") % (total - 1)
    if noise[8] % 2:
        ask, result = f"{total} - {part} = ?", total - part
    else:
        ask, result = f"{total - part} + {part} = ?", total
    off = 1 + noise[9] % 2
    other = result + 10 if result < 3 else result - off
    return Question(ask=ask, right=str(result), wrong=(str(result + off), str(other)))
