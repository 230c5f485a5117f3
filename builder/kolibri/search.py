"""Look for texts in the bytes of files: the proof that nothing is left of them, whatever tables and rows say."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence, Set
from pathlib import Path
from typing import Final

_CHUNK: Final = 1 << 20
_FEW: Final = 100
"""For so many texts, one search for each is faster than one for all."""
_LONG: Final = 8
_SAMPLE: Final = 6
"""Bytes of a text that is long, and of a sample of it."""

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
    short = [text for text in texts if len(text) < _LONG]
    long = [text for text in texts if len(text) >= _LONG]
    if len(long) <= _FEW:
        return lambda window: {text for text in texts if text in window}
    find_long = _sampler(long)
    return lambda window: find_long(window) | {text for text in short if text in window}


def _sampler(texts: Collection[bytes]) -> Finder:
    """A function that finds many texts in one pass.

    It looks at a few bytes in steps that no text fits between, and compares only where some text has those bytes; so
    the time hardly depends on how many texts there are.
    """
    step = min(map(len, texts)) - _SAMPLE + 1
    places: defaultdict[bytes, list[tuple[bytes, int]]] = defaultdict(list)
    for text in texts:
        for offset in range(step):
            places[text[offset : offset + _SAMPLE]].append((text, offset))
    known = frozenset(places)

    def find(window: bytes) -> Set[bytes]:
        at = [i for i in range(0, len(window) - _SAMPLE + 1, step) if window[i : i + _SAMPLE] in known]
        return {
            text
            for i in at
            for text, offset in places[window[i : i + _SAMPLE]]
            if i >= offset and window.startswith(text, i - offset)
        }

    return find
