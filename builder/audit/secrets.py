"""Search files for texts in every form in which they are likely to lie there, in bounded memory.

Forms: as they are (UTF-8), UTF-16 of both byte orders, base64 at any of its three alignments; in the file itself and,
for gzip, in what it unpacks to. The texts themselves are never told: a finding names them by their number.
"""

from __future__ import annotations

import base64
import os
import zlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Final

from builder.units import GIB, MIB

SHORTEST: Final = 6
"""Characters of a text; a shorter one would be found by chance, as part of something else."""

_CHUNK: Final = MIB
_MOST_UNPACKED: Final = 4 * GIB
_GZIP: Final = b"\x1f\x8b\x08"


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What a file holds, in words, and why it was not searched to its end, if it was not."""

    words: tuple[str, ...]
    gave_up: str = ""


class Needles:
    """Texts to search for, numbered from 1 in the order in which they were given."""

    def __init__(self, texts: Sequence[str]) -> None:
        self._forms = [
            (form, f"secret {number}{way}") for number, text in enumerate(texts, start=1) for form, way in _forms(text)
        ]
        self._overlap = max(len(form) for form, _ in self._forms) - 1

    def found_in(self, path: Path, name: str) -> Found:
        """Search a file, its name included.

        Raises:
            OSError: it cannot be read.
        """
        words = dict.fromkeys(f"{what} in its name" for what in self._search((os.fsencode(name),)))
        with path.open("rb") as file:
            packed = file.read(len(_GZIP)) == _GZIP
            file.seek(0)
            words.update(dict.fromkeys(self._search(_chunks(file))))
            if not packed:
                return Found(words=tuple(words))
            file.seek(0)
            unpacked = _Unpacked(file)
            words.update(dict.fromkeys(f"{what}, compressed" for what in self._search(unpacked)))
        return Found(words=tuple(words), gave_up=unpacked.gave_up)

    def _search(self, chunks: Iterable[bytes]) -> list[str]:
        left = dict(self._forms)
        found: list[str] = []
        tail = b""
        for chunk in chunks:
            window = tail + chunk
            found += [left.pop(form) for form in tuple(left) if form in window]
            tail = window[-self._overlap :]
        return found


class _Unpacked:
    """The content of a gzip file, piece by piece; what is damaged ends it, with the reason in `gave_up`."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self.gave_up = ""

    def __iter__(self) -> Iterator[bytes]:
        size = 0
        gzip = zlib.decompressobj(wbits=31)
        rest = b""
        for packed in _chunks(self._file):
            rest += packed
            while rest:
                try:
                    piece = gzip.decompress(rest, _CHUNK)
                except zlib.error as error:
                    self.gave_up = f"is no whole gzip file: {error}"
                    return
                yield piece
                size += len(piece)
                if size > _MOST_UNPACKED:
                    self.gave_up = f"unpacks to more than {_MOST_UNPACKED // GIB} GiB; the rest was not searched"
                    return
                rest = gzip.unconsumed_tail
                if gzip.eof:
                    rest = gzip.unused_data.lstrip(b"\0")
                    gzip = zlib.decompressobj(wbits=31)


def _chunks(file: BinaryIO) -> Iterator[bytes]:
    while chunk := file.read(_CHUNK):
        yield chunk


def _forms(text: str) -> Iterator[tuple[bytes, str]]:
    raw = text.encode()
    yield raw, ""
    yield text.encode("utf-16-le"), " as UTF-16"
    yield text.encode("utf-16-be"), " as UTF-16"
    for offset in range(3):
        # Of the encoded text only those characters count that do not depend on what stands around it.
        encoded = base64.b64encode(b"\0" * offset + raw)
        first, last = -(-offset * 8 // 6), (offset + len(raw)) * 8 // 6
        yield encoded[first:last], " as base64"
