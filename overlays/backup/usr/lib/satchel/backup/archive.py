"""A directory as a tar archive compressed by zstd, and the sums of its files as sha256sum(1) writes them.

Directories, files and links are kept, with owner, mode and time; sockets and devices are not.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import stat
import tarfile
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

from backup import pipes, sqlite_files
from backup.pipes import Readable, Tally, Writable
from device.errors import DeviceError

_COMPRESS = ("zstd", "--quiet", "--stdout", "-3", "-T0")
_DECOMPRESS = ("zstd", "--quiet", "--decompress", "--stdout")
_NODE_BYTES = 4096
"""What a file takes on a disk at least."""
_ADVICE = "Nothing was changed."


class ArchiveError(Exception):
    """An archive is not what was put into it."""


def write(directory: Path, sink: Writable, *, without: Callable[[Path], bool]) -> tuple[bytes, int]:
    """Write a directory; returns the sums of its files, and the room that it needs when it is put back.

    Args:
        without: which directories are left out, because something else is mounted there.

    Raises:
        DeviceError: a file cannot be read, or became shorter meanwhile.
    """
    sums: list[bytes] = []
    content_bytes = 0
    scratch = directory.with_name(f".{directory.name}.backup-scratch")
    shutil.rmtree(scratch, ignore_errors=True)
    try:
        scratch.mkdir(mode=0o700)
        with (
            pipes.into(_COMPRESS, sink, why=f"compress {directory}", advice=_ADVICE) as stream,
            tarfile.open(fileobj=stream, mode="w|", format=tarfile.PAX_FORMAT, bufsize=pipes.BLOCK) as tar,
        ):
            for path in _walk(directory, without):
                content_bytes += _NODE_BYTES
                with suppress(FileNotFoundError):
                    content_bytes += _add(tar, path, path.relative_to(directory), scratch, sums)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    return b"".join(sums), content_bytes


def check(source: Readable, sums: bytes) -> None:
    """Compare every file of an archive with its sum.

    Raises:
        ArchiveError: they differ, or it cannot be unpacked.
    """
    wanted = set(sums.splitlines(keepends=True))
    found = set()
    for member, stream in _members(source):
        if member.isreg():
            assert stream
            digest = hashlib.file_digest(stream, "sha256")  # type: ignore[arg-type]
            found.add(_line(digest.hexdigest(), member.name.removeprefix("./")))
    if found != wanted:
        raise ArchiveError(f"{len(found ^ wanted)} files are not what they were")


def extract(source: Readable, directory: Path) -> None:
    """Unpack into a directory that does not exist yet; accounts are found by their names, else by their numbers.

    Raises:
        ArchiveError: it cannot be unpacked, or would write elsewhere.
    """
    directory.mkdir(mode=0o700)
    try:
        with (
            pipes.out_of(_DECOMPRESS, source, why="unpack the archive", advice=_ADVICE) as stream,
            tarfile.open(fileobj=stream, mode="r|") as tar,
        ):
            # What cannot be given its owner or mode is no copy.
            tar.errorlevel = 2
            tar.extractall(directory, filter=_inside)
    except (tarfile.TarError, EOFError) as error:
        raise ArchiveError(f"the archive cannot be unpacked: {error}") from error


def _members(source: Readable) -> Iterator[tuple[tarfile.TarInfo, BinaryIO | None]]:
    try:
        with (
            pipes.out_of(_DECOMPRESS, source, why="unpack the archive", advice=_ADVICE) as stream,
            tarfile.open(fileobj=stream, mode="r|") as tar,
        ):
            for member in tar:
                yield member, tar.extractfile(member) if member.isreg() else None  # type: ignore[misc]
    except (tarfile.TarError, EOFError, DeviceError) as error:
        raise ArchiveError(f"the archive cannot be unpacked: {error}") from error


def _inside(member: tarfile.TarInfo, directory: str) -> tarfile.TarInfo:
    """Refuse what would land elsewhere, and devices; modes and owners stay as they are."""
    tarfile.tar_filter(member, directory)
    if not (member.isreg() or member.isdir() or member.issym() or member.islnk()):
        raise tarfile.SpecialFileError(member)
    return member


def _walk(directory: Path, without: Callable[[Path], bool]) -> Iterator[Path]:
    """Everything below, directories before what is in them; what vanishes meanwhile was not there."""
    yield directory
    with os.scandir(directory) as entries:
        found = sorted(entries, key=lambda entry: entry.name)
    names = {entry.name for entry in found}
    for entry in found:
        path = Path(entry.path)
        if entry.is_dir(follow_symlinks=False):
            if not without(path):
                with suppress(FileNotFoundError):
                    yield from _walk(path, without)
        elif not _beside(path, names):
            yield path


def _beside(path: Path, names: set[str]) -> bool:
    """Whether a file belongs to a database next to it, whose copy has it inside."""
    for ending in sqlite_files.BESIDE:
        if path.name.endswith(ending) and path.name.removesuffix(ending) in names:
            with suppress(OSError):
                return sqlite_files.is_database(path.with_name(path.name.removesuffix(ending)))
    return False


def _add(tar: tarfile.TarFile, path: Path, place: Path, scratch: Path, sums: list[bytes]) -> int:
    """Add one, and its sum; returns its size."""
    mode = path.lstat().st_mode
    if not (stat.S_ISREG(mode) or stat.S_ISDIR(mode) or stat.S_ISLNK(mode)):
        return 0
    arcname = f"./{place}"
    if not stat.S_ISREG(mode):
        tar.addfile(tar.gettarinfo(path, arcname))
        return 0
    if sqlite_files.is_database(path):
        copied = scratch / "database"
        sqlite_files.copy(path, copied)
        # Owner, mode and time are the original's; the bytes and their number are the copy's.
        with copied.open("rb") as file:
            info = tar.gettarinfo(path, arcname)
            info.type, info.linkname, info.size = tarfile.REGTYPE, "", copied.stat().st_size
            _put(tar, info, file, path, sums)
        copied.unlink()
        return info.size
    with path.open("rb") as file:
        info = tar.gettarinfo(path, arcname)
        if info.islnk():
            tar.addfile(info)
            return 0
        _put(tar, info, file, path, sums)
    return info.size


def _put(tar: tarfile.TarFile, info: tarfile.TarInfo, file: BinaryIO, path: Path, sums: list[bytes]) -> None:
    tally = Tally(file)
    try:
        tar.addfile(info, tally)
    except OSError as error:
        if error.errno is None and tally.size_bytes < info.size:
            reason = f"{path} became shorter while it was read"
            advice = "Name the unit that writes there in `stop` of the directory, in the recipe."
            raise DeviceError(reason, advice=advice) from error
        raise
    sums.append(_line(tally.sha256, str(path.relative_to(path.parents[len(Path(info.name).parts) - 1]))))


def _line(digest: str, name: str) -> bytes:
    """A line of sha256sum(1), which begins with a backslash when the name had to be changed."""
    escaped = name.replace("\\", "\\\\").replace("\n", "\\n").replace("\r", "\\r")
    mark = "\\" if escaped != name else ""
    return f"{mark}{digest}  {escaped}\n".encode(errors="surrogateescape")
