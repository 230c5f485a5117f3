"""Read a tar or a zip from its beginning to its end, file by file."""

from __future__ import annotations

import os
import stat
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from lzma import LZMAError
from pathlib import Path
from typing import IO, Final, Literal

import zstandard

_BLOCK: Final = 1 << 20
_ZIP: Final = (b"PK\3\4", b"PK\5\6")
_ZSTD: Final = b"\x28\xb5\x2f\xfd"
_USTAR: Final = slice(257, 262)
_LOCKED: Final = 1
"""The flag of a zip's member that wants a password."""
_UNIX: Final = 3
"""The system of a zip's member whose attributes are a Unix mode, above these bits."""
_UNIX_MODE: Final = 16

_WRONG: Final = (
    *(tarfile.TarError, zipfile.BadZipFile, zlib.error, LZMAError, zstandard.ZstdError, EOFError, NotImplementedError),
    OSError,
)


Kind = Literal["file", "directory", "link", "same", "device", "other"]


class Damaged(Exception):
    """It is no archive, or not a whole one. The text is for people."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """Something in an archive."""

    name: str
    """With slashes between its parts, whatever the machine that packed it."""
    kind: Kind = "file"
    target: str = ""
    """Where a link leads; for `same`, the name of a file that came before and has the same bytes."""
    size: int = 0
    """Bytes of a file."""
    open: Callable[[], IO[bytes] | None] = lambda: None

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
    return (member for member in everything(path) if member.kind == "file")


def everything(path: Path) -> Iterator[Member]:
    """As `members`, with directories, links and whatever else there is."""
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
            yield Member(name=entry.name, size=entry.size, open=partial(archive.extractfile, entry))
        else:
            yield Member(name=entry.name, kind=_kind(entry), target=entry.linkname)
        # It remembers all that it ever saw.
        archive.members = []  # type: ignore[attr-defined]


def _of_zip(archive: zipfile.ZipFile) -> Iterator[Member]:
    for entry in archive.infolist():
        if entry.flag_bits & _LOCKED:
            raise Damaged("the archive wants a password")
        unix, mode = entry.create_system == _UNIX, entry.external_attr >> _UNIX_MODE
        name = entry.filename if unix else entry.filename.replace("\\", "/")
        if entry.is_dir():
            yield Member(name=name, kind="directory")
        elif unix and stat.S_ISLNK(mode):
            yield Member(name=name, kind="link", target=os.fsdecode(archive.read(entry)))
        else:
            yield Member(name=name, size=entry.file_size, open=partial(archive.open, entry))


def _kind(entry: tarfile.TarInfo) -> Kind:
    if entry.isdir():
        return "directory"
    if entry.issym():
        return "link"
    if entry.ischr() or entry.isblk():
        return "device"
    return "same" if entry.islnk() else "other"


@contextmanager
def _explained() -> Iterator[None]:
    try:
        yield
    except _WRONG as error:
        words = error.strerror if isinstance(error, OSError) else str(error)
        raise Damaged(f"the archive cannot be read to its end: {words or type(error).__name__}") from error
