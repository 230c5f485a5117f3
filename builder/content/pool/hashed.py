"""What bytes are, whatever they are called: their MD5, by which Kolibri names them, their SHA-256 and their number."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import BinaryIO, Final

from builder.kolibri.channels import ContentFile

_BLOCK: Final = 1 << 20
_LONGEST_ENDING: Final = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class Hashed:
    """The bytes of a file."""

    size: int
    md5: str
    sha256: str

    def pooled(self, path: str) -> ContentFile:
        """What the pool of content calls them; the ending is that of the path, as a channel with the file has it."""
        ending = PurePosixPath(path).suffix[1:].lower()
        usual = ending.isascii() and ending.isalnum() and len(ending) <= _LONGEST_ENDING
        return ContentFile(name=f"{self.md5}.{ending if usual else 'bin'}", size=self.size)


class Hashing:
    """Both hashes of bytes that come in blocks."""

    def __init__(self) -> None:
        self._md5, self._sha256 = hashlib.md5(usedforsecurity=False), hashlib.sha256()
        self.size = 0
        """Bytes so far."""

    def take(self, block: bytes | memoryview) -> None:
        """The next bytes."""
        self._md5.update(block)
        self._sha256.update(block)
        self.size += len(block)

    @property
    def hashed(self) -> Hashed:
        """Everything so far."""
        return Hashed(size=self.size, md5=self._md5.hexdigest(), sha256=self._sha256.hexdigest())


def blocks_of(stream: BinaryIO) -> Iterator[bytes]:
    """What is still to be read, in blocks."""
    while block := stream.read(_BLOCK):
        yield block


def hash_blocks(blocks: Iterable[bytes], *, advance: Callable[[int], None] = lambda _: None) -> Hashed:
    """Take all blocks, and tell `advance` how many bytes each had."""
    total = Hashing()
    for block in blocks:
        total.take(block)
        advance(len(block))
    return total.hashed
