"""One image as a tar file that podman, skopeo and Docker read: an image layout, packed."""

from __future__ import annotations

import tarfile
from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import BinaryIO, Final

from builder.oci.layout import INDEX, MARK, OnDisk, write_head

_BLOBS: Final = "blobs/sha256"
_PIECE: Final = 1 << 20


def write_archive(image: OnDisk, file: BinaryIO, *, advance: Callable[[int], None]) -> None:
    """Pack an image; the same image makes the same bytes.

    Args:
        image: The image.
        file: Where to; need not be able to seek.
        advance: Is told of every piece, in bytes, of `size_bytes(image)`.
    """
    with tarfile.open(fileobj=file, mode="w|", format=tarfile.PAX_FORMAT) as archive:
        with TemporaryDirectory() as directory:
            write_head(Path(directory), (image,))
            for name in (MARK, INDEX):
                text = (Path(directory) / name).read_bytes()
                archive.addfile(_member(name, len(text)), BytesIO(text))
        for sha256, path in sorted(image.files.items()):
            with path.open("rb") as blob:
                size = path.stat().st_size
                archive.addfile(_member(f"{_BLOBS}/{sha256}", size), _Watched(blob, advance))


def size_bytes(image: OnDisk) -> int:
    """What the files of an image take."""
    return sum(path.stat().st_size for path in image.files.values())


def _member(name: str, size: int) -> tarfile.TarInfo:
    """A file of root's, of no date."""
    member = tarfile.TarInfo(name)
    member.size, member.mode = size, 0o644
    return member


class _Watched(BytesIO):
    """A file whose reading is told to somebody."""

    def __init__(self, file: BinaryIO, advance: Callable[[int], None]) -> None:
        super().__init__()
        self._file = file
        self._advance = advance

    def read(self, size: int | None = -1, /) -> bytes:
        piece = self._file.read(-1 if size is None else size)
        self._advance(len(piece))
        return piece
