"""Look for texts in the bytes of files: the proof that nothing is left of them, whatever tables and rows say."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence, Set
from itertools import groupby
from pathlib import Path
from typing import Final

_CHUNK: Final = 1 << 20
_FEW: Final = 100
"""For so many texts, one search for each is faster than one search for all."""
_DEPTH: Final = 12
"""Bytes by which a pattern tells texts apart; it is nested that deep."""

Finder = Callable[[bytes], Set[bytes]]


def needles_found(home: Path, needles: Sequence[str]) -> tuple[str, ...]:
    """Sentences about texts found in the bytes of any file of the home, besides files of content."""
    return sentences(found_in(_files(home), needles), home)


def common_texts(directories: Sequence[Path], texts: Sequence[str]) -> frozenset[str]:
    """Those of `texts` that prove nothing, because databases as they are published hold them: a host called `learn`."""
    return frozenset(text for directory in directories for _, text in found_in(_files(directory), texts))


def found_in(files: Iterable[Path], needles: Collection[str]) -> Iterator[tuple[Path, str]]:
    """Each file with each text that its bytes hold; every file is read once."""
    wanted = {needle.encode(): needle for needle in sorted(needles) if needle}
    if not wanted:
        return
    find, overlap = _finder(wanted), max(map(len, wanted)) - 1
    for path in files:
        yield from ((path, wanted[raw]) for raw in sorted(_search(path, find, overlap)))


def sentences(hits: Iterable[tuple[Path, str]], directory: Path) -> tuple[str, ...]:
    """What was found where, for people; files are named from `directory`."""
    return tuple(f"{path.relative_to(directory)} contains {text!r}" for path, text in hits)


def _files(directory: Path) -> Iterator[Path]:
    for path in sorted(path for path in directory.rglob("*") if path.is_file()):
        if path.relative_to(directory).parts[:2] != ("content", "storage"):
            yield path


def _search(path: Path, find: Finder, overlap: int) -> set[bytes]:
    """The texts found in a file, read in pieces that overlap by the longest text."""
    found: set[bytes] = set()
    tail = b""
    with path.open("rb") as file:
        while piece := file.read(_CHUNK):
            window = tail + piece
            found |= find(window)
            tail = window[-overlap:] if overlap else b""
    return found


def _finder(texts: Collection[bytes]) -> Finder:
    """A function that tells which of the texts some bytes hold."""
    if len(texts) <= _FEW:
        return lambda window: {text for text in texts if text in window}
    # Looking ahead takes nothing away from a text that overlaps.
    pattern = re.compile(b"(?=(" + _pattern(sorted(texts), 0) + b"))")
    known, lengths = frozenset(texts), {len(text) for text in texts}

    def find(window: bytes) -> Set[bytes]:
        longest = set(pattern.findall(window))
        return known & {text[:length] for text in longest for length in lengths}

    return find


def _pattern(texts: Sequence[bytes], depth: int) -> bytes:
    """A pattern of what follows the first `depth` bytes, in which those are the same; texts are sorted.

    Alternatives that begin alike are put together, so that the time does not depend on how many there are. Of texts
    that continue one another the longest matches.
    """
    if len(texts) == 1 or depth == _DEPTH:
        return b"(?:" + b"|".join(re.escape(text[depth:]) for text in reversed(texts)) + b")"
    ends = len(texts[0]) == depth
    groups = groupby(texts[1:] if ends else texts, key=lambda text: text[depth])
    branches = [re.escape(bytes((byte,))) + _pattern(list(group), depth + 1) for byte, group in groups]
    return b"(?:" + b"|".join(branches) + (b"|)" if ends else b")")
