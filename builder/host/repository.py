"""A small Debian repository on this disk, with exactly the packages that a lock names.

apt and mmdebstrap install from it as from a mirror, so that order, triggers and records are theirs, and neither needs
the network nor can find anything that is not locked. It is flat and not signed: every file was checked against the
lock's SHA-256 a moment before.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable
from pathlib import Path, PurePosixPath
from typing import Final

from debian.arfile import ArError
from debian.debfile import DebError, DebFile

from builder.errors import ArtifactError
from builder.host.pool import Pool, Pooled

INDEX: Final = "Packages"


def make_repository(debs: Iterable[Pooled], pool: Pool, directory: Path) -> None:
    """Fill the empty `directory` with links to the pool's files and the index that apt reads.

    Raises:
        ArtifactError: a file is missing, damaged or not a Debian package.
    """
    entries = [_place(deb, pool.verified(deb), directory) for deb in sorted(debs, key=lambda deb: deb.file)]
    (directory / INDEX).write_text("\n".join(entries))


def source_line(directory: str, *, method: str = "copy") -> str:
    """The line for apt's list of sources; `directory` is where apt sees the repository.

    Args:
        method: `copy` lets apt copy packages to its own cache first; `file` reads them where they lie.
    """
    return f"deb [trusted=yes] {method}:{directory} ./"


def _place(deb: Pooled, source: Path, directory: Path) -> str:
    """Link a package into the repository and return its entry for the index."""
    name = PurePosixPath(deb.file).name
    try:
        (directory / name).hardlink_to(source)
    except OSError:
        # The pool lies on another file system, or the kernel protects files of another owner.
        shutil.copyfile(source, directory / name)
    place = f"Filename: ./{name}\nSize: {deb.size_bytes}\nSHA256: {deb.sha256}\n"
    return f"{_control(source, name).rstrip()}\n{place}"


def _control(source: Path, name: str) -> str:
    try:
        with DebFile(os.fspath(source)) as package:
            control = package.control.get_content("control", encoding="utf-8")
    except (ArError, DebError) as error:
        raise ArtifactError(f"{name} is not a Debian package", details=str(error)) from error
    assert isinstance(control, str)
    return control
