"""A directory of an overlay as a layer of an image: the same tree gives the same tar file, byte for byte.

An overlay keeps what a layer removed as device nodes and attributes; an image says it by names (image specification
1.1, "Whiteouts").
"""

from __future__ import annotations

import os
import stat
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Final

_GONE: Final = ".wh."
_OPAQUE: Final = ".wh..wh..opq"
_MARKS: Final = ("user.overlay.opaque", "trusted.overlay.opaque")
_CAPABILITY: Final = "security.capability"
"""The one attribute that means the same everywhere: what a program may do besides its user's rights."""


def pack(tree: Path, out: Path, *, epoch: int) -> None:
    """Write the layer; `epoch`, seconds since 1970, is the latest that a file can have."""
    seen: dict[int, str] = {}
    with tarfile.open(out, "w", format=tarfile.PAX_FORMAT) as archive:
        for path in _walk(tree):
            name = path.relative_to(tree).as_posix()
            facts = path.lstat()
            if stat.S_ISCHR(facts.st_mode) and facts.st_rdev == 0:
                archive.addfile(_empty(f"{_beside(name)}{_GONE}{path.name}", epoch))
                continue
            if stat.S_ISSOCK(facts.st_mode):
                continue
            info = _described(path, name, facts, epoch)
            if stat.S_ISREG(facts.st_mode):
                _add_file(archive, path, info, facts, seen)
            else:
                archive.addfile(info)
            if stat.S_ISDIR(facts.st_mode) and _is_opaque(path):
                archive.addfile(_empty(f"{name}/{_OPAQUE}", epoch))


def _walk(top: Path) -> Iterator[Path]:
    """Everything below, directories before what is in them, by name."""
    for entry in sorted(os.scandir(top), key=lambda entry: entry.name):
        path = Path(entry.path)
        yield path
        if entry.is_dir(follow_symlinks=False):
            yield from _walk(path)


def _beside(name: str) -> str:
    directory, slash, _ = name.rpartition("/")
    return f"{directory}{slash}"


def _empty(name: str, epoch: int) -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.mtime = epoch
    return info


def _described(path: Path, name: str, facts: os.stat_result, epoch: int) -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.mode = stat.S_IMODE(facts.st_mode)
    info.uid, info.gid = facts.st_uid, facts.st_gid
    info.mtime = min(int(facts.st_mtime), epoch)
    if stat.S_ISDIR(facts.st_mode):
        info.type = tarfile.DIRTYPE
    elif stat.S_ISLNK(facts.st_mode):
        info.type, info.linkname = tarfile.SYMTYPE, os.fspath(path.readlink())
    elif stat.S_ISFIFO(facts.st_mode):
        info.type = tarfile.FIFOTYPE
    return info


def _add_file(
    archive: tarfile.TarFile, path: Path, info: tarfile.TarInfo, facts: os.stat_result, seen: dict[int, str]
) -> None:
    if facts.st_nlink > 1:
        first = seen.setdefault(facts.st_ino, info.name)
        if first != info.name:
            info.type, info.linkname = tarfile.LNKTYPE, first
            archive.addfile(info)
            return
    info.size = facts.st_size
    if _CAPABILITY in os.listxattr(path, follow_symlinks=False):
        value = os.getxattr(path, _CAPABILITY, follow_symlinks=False)
        # As GNU tar and everybody else has attributes in a text (utf-8 with the bytes that are none kept).
        info.pax_headers = {f"SCHILY.xattr.{_CAPABILITY}": value.decode("utf-8", "surrogateescape")}
    with path.open("rb") as file:
        archive.addfile(info, file)


def _is_opaque(path: Path) -> bool:
    return any(mark in os.listxattr(path, follow_symlinks=False) for mark in _MARKS)
