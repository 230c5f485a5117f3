"""Read a tar or a zip from its beginning to its end, file by file."""

from __future__ import annotations

import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from lzma import LZMAError
from pathlib import Path
from typing import IO, Final

import zstandard

_BLOCK: Final = 1 << 20
_ZIP: Final = (b"PK\3\4", b"PK\5\6")
_ZSTD: Final = b"\x28\xb5\x2f\xfd"
_USTAR: Final = slice(257, 262)
_LOCKED: Final = 1
"""The flag of a zip's member that wants a password."""

_WRONG: Final = (
    *(tarfile.TarError, zipfile.BadZipFile, zlib.error, LZMAError, zstandard.ZstdError, EOFError, NotImplementedError),
    OSError,
)


class Damaged(Exception):
    """It is no archive, or not a whole one. The text is for people."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """A file in an archive."""

    name: str
    """With slashes between its parts, whatever the machine that packed it."""
    open: Callable[[], IO[bytes] | None]

    def blocks(self) -> Iterator[bytes]:
        """Its bytes, to be read before the next member is asked for.

        Raises:
            Damaged: the archive is.
        """
        with _explained():
            stream = self.open()
            assert stream is not None, "it is a plain file"
            with stream:
                while block := stream.read(_BLOCK):
                    yield block


def members(path: Path) -> Iterator[Member]:
    """The plain files of an archive, in its order; it is read as a stream, and nothing of it is kept.

    Raises:
        Damaged: it is no archive, or ends before its end.
    """
    with _explained():
        with path.open("rb") as file:
            head = file.read(_USTAR.stop)
        if head.startswith(_ZIP):
            with zipfile.ZipFile(path) as zipped:
                yield from _of_zip(zipped)
        elif head.startswith(_ZSTD):
            with (
                path.open("rb") as file,
                zstandard.ZstdDecompressor().stream_reader(file, read_across_frames=True) as stream,
                tarfile.open(fileobj=stream, mode="r|", tarinfo=_Strict) as archive,
            ):
                yield from _of_tar(archive)
        elif head[_USTAR] == b"ustar":
            # What nobody wants of it is passed over, and not read.
            with tarfile.open(path, "r:", tarinfo=_Strict) as archive:
                yield from _of_tar(archive)
        else:
            with tarfile.open(path, "r|*", tarinfo=_Strict) as archive:
                yield from _of_tar(archive)


class _Strict(tarfile.TarInfo):
    """Only the mark at the end ends an archive: tarfile takes one that was cut, or is damaged, for one that ends."""

    @classmethod
    def fromtarfile(cls, tarfile_: tarfile.TarFile) -> _Strict:
        try:
            return super().fromtarfile(tarfile_)
        except tarfile.EOFHeaderError:  # type: ignore[attr-defined]
            raise
        except tarfile.HeaderError as error:
            raise tarfile.ReadError(str(error)) from error


def _of_tar(archive: tarfile.TarFile) -> Iterator[Member]:
    while (entry := archive.next()) is not None:
        if entry.isreg():
            yield Member(name=entry.name, open=partial(archive.extractfile, entry))
        # It remembers all that it ever saw.
        archive.members = []  # type: ignore[attr-defined]


def _of_zip(archive: zipfile.ZipFile) -> Iterator[Member]:
    for entry in archive.infolist():
        if entry.flag_bits & _LOCKED:
            raise Damaged("the archive wants a password")
        if not entry.is_dir():
            yield Member(name=entry.filename.replace("\\", "/"), open=partial(archive.open, entry))


@contextmanager
def _explained() -> Iterator[None]:
    try:
        yield
    except _WRONG as error:
        words = error.strerror if isinstance(error, OSError) else str(error)
        raise Damaged(f"the archive cannot be read to its end: {words or type(error).__name__}") from error
