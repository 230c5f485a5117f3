"""Downloaded files by their SHA-256, each once, shared by all recipes, builds and workshops.

What lies in the pool was checked when it came. It is checked again when it is used, because disks and people change
files; a damaged one is thrown away and counts as missing.
"""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol, TypeVar

from builder.errors import ArtifactError
from builder.host.holding import hold
from builder.host.places import cache_directory
from builder.host.scratch import scratch


class Pooled(Protocol):
    """A file that a lock names."""

    @property
    def file(self) -> str:
        """Its name."""

    @property
    def sha256(self) -> str:
        """What it must hash to."""

    @property
    def size_bytes(self) -> int:
        """How long it must be."""


_Pooled = TypeVar("_Pooled", bound=Pooled)


class Pool:
    """A directory of files named by their SHA-256."""

    def __init__(self, root: Path | None = None) -> None:
        self._root = root or cache_directory() / "pool"

    def path(self, sha256: str) -> Path:
        """Where the file with that hash is, or would be."""
        return self._root / sha256[:2] / sha256

    def missing(self, wanted: Iterable[_Pooled]) -> tuple[_Pooled, ...]:
        """Those that are not there, or are not as long as they must be; their bytes are not read.

        Those that are there stay there until this process ends.
        """
        hold(self._root)
        unique = {file.sha256: file for file in wanted}
        return tuple(file for file in unique.values() if not self._has_size(file))

    @contextmanager
    def scratch(self) -> Iterator[Path]:
        """A directory for downloads, on the pool's own file system, until the block ends."""
        with scratch(self._root.parent / "tmp", "download-") as directory:
            yield directory

    def partial(self, wanted: Pooled) -> Path:
        """Where what has arrived of a file waits for the rest, even for another run; to be handed to `take`."""
        path = self.path(wanted.sha256)
        path.parent.mkdir(parents=True, exist_ok=True)
        return path.with_name(f"{path.name}.part")

    def add(self, source: Path, wanted: Pooled) -> None:
        """Take in a copy of a file.

        Raises:
            ArtifactError: it is not the file that the lock names.
        """
        with self.scratch() as directory:
            copy = directory / "copy"
            shutil.copyfile(source, copy)
            self.take(copy, wanted)

    def take(self, source: Path, wanted: Pooled) -> None:
        """Take in a file of a `scratch` directory, or a `partial` one that is whole now; it is moved.

        Raises:
            ArtifactError: it is not the file that the lock names.
        """
        with source.open("rb") as file:
            found = hashlib.file_digest(file, "sha256").hexdigest()
            if found != wanted.sha256:
                raise ArtifactError(
                    f"{wanted.file} is not the file that the lock names",
                    details=f"SHA-256 {found}\ninstead of {wanted.sha256}",
                )
            os.fsync(file.fileno())
        source.chmod(0o644)
        target = self.path(wanted.sha256)
        target.parent.mkdir(parents=True, exist_ok=True)
        hold(self._root)
        # Whoever was quicker brought the same bytes.
        source.rename(target)

    def verified(self, wanted: Pooled) -> Path:
        """The file, after reading all of it.

        Raises:
            ArtifactError: it is missing, or it was damaged (and is now thrown away).
        """
        path = self.path(wanted.sha256)
        try:
            with path.open("rb") as file:
                found = hashlib.file_digest(file, "sha256").hexdigest()
        except FileNotFoundError as error:
            raise ArtifactError(f"{wanted.file} is not in the pool", hint="build again with network") from error
        if found != wanted.sha256:
            path.unlink(missing_ok=True)
            raise ArtifactError(f"{wanted.file} was damaged in the pool and is thrown away", hint="build again")
        # What was used longest ago is thrown away first when the cache is too large.
        os.utime(path)
        return path

    def _has_size(self, wanted: Pooled) -> bool:
        try:
            return self.path(wanted.sha256).stat().st_size == wanted.size_bytes
        except FileNotFoundError:
            return False
